"""Replacements for GitHub's actions: actions/checkout, cache, upload-artifact, download-artifact. They behave as their
documentation says, with directories of this machine in place of GitHub's store."""

import glob
import hashlib
import json
import os
import shutil
import subprocess


class Failure(Exception):
    pass


def paths_of(text):
    return [line.strip() for line in text.split("\n") if line.strip()]


class Cache:
    """actions/cache: an archive for each key and list of paths, which is written once (a key is immutable)."""

    def __init__(self, folder):
        self.folder = folder

    def place(self, key, paths):
        if not key or "," in key or len(key) > 512:
            raise Failure(f"cache: the key '{key}' is empty, too long or has a comma")
        version = hashlib.sha256("|".join(paths).encode()).hexdigest()[:16]
        return os.path.join(self.folder, hashlib.sha256(key.encode()).hexdigest()[:16] + "-" + version)

    def restore(self, given, workspace):
        paths = paths_of(given["path"])
        at = self.place(given["key"], paths)
        outputs = {"cache-primary-key": given["key"], "cache-hit": "", "cache-matched-key": ""}
        if os.path.exists(at + ".tzst"):
            # The same options as @actions/cache gives tar.
            subprocess.run(["tar", "-xf", at + ".tzst", "-P", "-C", workspace, "--use-compress-program", "unzstd"], check=True)
            outputs.update({"cache-hit": "true", "cache-matched-key": given["key"]})
        elif given.get("fail-on-cache-miss") == "true":
            raise Failure("cache: nothing is there for the key")
        return outputs

    def save(self, given, workspace):
        paths = paths_of(given["path"])
        there = [path for path in paths if os.path.exists(os.path.join(workspace, path))]
        at = self.place(given["key"], paths)
        if not there:
            print("::warning::cache: the paths do not exist, so nothing is saved")
        elif os.path.exists(at + ".tzst"):
            print("::warning::cache: the key is there already, so nothing is saved")
        else:
            os.makedirs(self.folder, exist_ok=True)
            subprocess.run(["tar", "--posix", "-cf", at + ".part", "-P", "-C", workspace, "--use-compress-program", "zstd",
                            *there], check=True)
            os.rename(at + ".part", at + ".tzst")
            with open(at + ".json", "w", encoding="utf-8") as file:
                json.dump({"key": given["key"], "paths": paths}, file)
        return {}


class Artifacts:
    """actions/upload-artifact and download-artifact of version 4: names are used once in a run."""

    def __init__(self, folder):
        self.folder = folder

    def upload(self, given, workspace):
        name = given.get("name", "artifact")
        if not name or any(c in '":<>|*?\r\n\\/' for c in name):
            raise Failure(f"upload-artifact: '{name}' is not a name")
        found = []
        for path in paths_of(given["path"]):
            for match in glob.glob(os.path.join(workspace, path)):
                found.append(match)
        files = []
        for match in found:
            if os.path.isfile(match):
                files.append((match, os.path.basename(match)))
            for root, folders, names in os.walk(match):
                folders[:] = [f for f in folders if not f.startswith(".")]
                files += [(os.path.join(root, n), os.path.relpath(os.path.join(root, n), match)) for n in names
                          if not n.startswith(".")]
        if not files:
            text = f"upload-artifact: no files at {given['path']}"
            if given.get("if-no-files-found", "warn") == "error":
                raise Failure(text)
            if given.get("if-no-files-found", "warn") == "warn":
                print(f"::warning::{text}")
            return {}
        target = os.path.join(self.folder, name)
        if os.path.exists(target):
            if given.get("overwrite") != "true":
                raise Failure(f"upload-artifact: there is an artefact {name} already (409 Conflict)")
            shutil.rmtree(target)
        for source, relative in files:
            os.makedirs(os.path.dirname(os.path.join(target, relative)), exist_ok=True)
            shutil.copyfile(source, os.path.join(target, relative))
        return {"artifact-id": "1"}

    def download(self, given, workspace):
        to = os.path.join(workspace, given.get("path", ""))
        if given.get("name"):
            source = os.path.join(self.folder, given["name"])
            if not os.path.isdir(source):
                raise Failure(f"download-artifact: there is no artefact {given['name']}")
            shutil.copytree(source, to, dirs_exist_ok=True)
            return {"download-path": to}
        for source in sorted(glob.glob(os.path.join(self.folder, given.get("pattern", "*")))):
            inside = to if given.get("merge-multiple") == "true" else os.path.join(to, os.path.basename(source))
            shutil.copytree(source, inside, dirs_exist_ok=True)
        return {"download-path": to}


def stand_ins(cache_folder, artifact_folder):
    """The functions by the names before `@`: (with, workspace) -> outputs."""
    cache, artifacts = Cache(cache_folder), Artifacts(artifact_folder)
    return {"actions/cache/restore": cache.restore, "actions/cache/save": cache.save,
            "actions/upload-artifact": artifacts.upload, "actions/download-artifact": artifacts.download,
            # The test has already created the workspace.
            "actions/checkout": lambda given, workspace: {}}
