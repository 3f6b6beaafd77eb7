#!/usr/bin/python3
"""manifests.py - check rendered Kubernetes manifests (Debian's python3-yaml and python3-kubernetes).

  schema           every object against the published API: python3-kubernetes is generated from its OpenAPI
                   description. Unknown and missing fields and wrong types are errors, as for a strict
                   `kubectl apply`
  restricted       every pod against the restricted Pod Security profile, and what we promise beyond it
  object KIND NAME print one object
  pod KIND NAME [INDEX]
                   print the pod that the controller KIND would make, with its claims and the ConfigMaps that
                   it uses: podman knows no StatefulSet and no index of a Job
  probe KIND NAME startupProbe|readinessProbe|livenessProbe|preStop
                   print that command of the first container, a word a line

The manifests are read from standard input. Status 1 and a line for each error.
"""
import re
import sys

import yaml

SAFE_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
                "projected", "secret"}


def name_of(thing):
    return f"{thing.get('kind')}/{thing.get('metadata', {}).get('name')}"


# --- the schema ----------------------------------------------------------------------------------


def api_of(client, thing):
    """The class of API that has the kind: AppsV1Api for apps/v1."""
    group, _, version = thing["apiVersion"].rpartition("/")
    group = "".join(part.capitalize() for part in re.sub(r"\.k8s\.io$", "", group or "core").split("."))
    return getattr(client, f"{group}{version.capitalize()}Api", None)


def check(client, kind, value, at):
    """Yields the errors of VALUE, which should be of the OpenAPI type KIND."""
    inner = re.fullmatch(r"(list\[|dict\(str, )(.*)[\])]", kind)
    scalar = {"str": str, "int": int, "bool": bool, "float": (int, float)}.get(kind)
    if inner and inner[1] == "list[":
        if not isinstance(value, list):
            yield f"{at}: not a list"
            return
        for i, item in enumerate(value):
            yield from check(client, inner[2], item, f"{at}[{i}]")
    elif inner:
        if not isinstance(value, dict):
            yield f"{at}: not a map"
            return
        for key, item in value.items():
            yield from check(client, inner[2], item, f"{at}.{key}")
    elif scalar:
        if not isinstance(value, scalar) or (kind != "bool" and isinstance(value, bool)):
            yield f"{at}: {value!r} is no {kind}"
    elif kind not in ("object", "datetime"):
        yield from check_model(client, getattr(client, kind), value, at)


def check_model(client, model, value, at):
    if not isinstance(value, dict):
        yield f"{at}: not a map"
        return
    fields = {json: attribute for attribute, json in model.attribute_map.items()}
    known = {}
    for key, item in value.items():
        if key not in fields:
            yield f"{at}: unknown field {key}"
            continue
        known[fields[key]] = item
        yield from check(client, model.openapi_types[fields[key]], item, f"{at}.{key}")
    try:
        model(**known)
    except ValueError as problem:       # a required field, or a value that is none of an enumeration
        yield f"{at}: {problem}"


def schema(things):
    from kubernetes import client
    for thing in things:
        kind, api = thing["kind"], api_of(client, thing)
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()
        if not any(hasattr(api, f"create_{scope}{snake}") for scope in ("namespaced_", "")):
            yield f"{name_of(thing)}: {thing['apiVersion']} has no {kind}"
            continue
        yield from check_model(client, getattr(client, f"V1{kind}"), thing, name_of(thing))


# --- the restricted profile ----------------------------------------------------------------------


def pod_spec(thing):
    return thing["spec"] if thing["kind"] == "Pod" else thing.get("spec", {}).get("template", {}).get("spec")


def restricted(things):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    settings = {thing["metadata"]["name"]: thing["data"] for thing in things if thing["kind"] == "ConfigMap"}
    seen = 0
    for thing in things:
        spec = pod_spec(thing)
        if not spec:
            continue
        seen += 1
        at, pod = name_of(thing), spec.get("securityContext", {})
        yield from (f"{at}: {key}" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
        if pod.get("sysctls"):
            yield f"{at}: sysctls"
        for volume in spec.get("volumes", []):
            if set(volume) - {"name"} - SAFE_VOLUMES:
                yield f"{at}: volume {volume}"
        for container in spec.get("initContainers", []) + spec["containers"]:
            yield from restricted_container(f"{at}, {container['name']}", pod, container)
        if spec.get("automountServiceAccountToken", True):
            yield f"{at}: the token of the service account is mounted"
        if thing["kind"] != "Job":
            yield from of_a_guest(at, spec, settings)
    if not seen:
        yield "no pod at all"


def restricted_container(at, pod, container):
    own = container.get("securityContext", {})
    both = {**pod, **own}
    if both.get("privileged") or both.get("procMount", "Default") != "Default":
        yield f"{at}: privileged or procMount"
    if both.get("allowPrivilegeEscalation") is not False:
        yield f"{at}: allowPrivilegeEscalation"
    if both.get("runAsNonRoot") is not True or both.get("runAsUser", 1) == 0:
        yield f"{at}: may be root"
    if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{at}: no seccomp profile"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or capabilities.get("add"):
        yield f"{at}: capabilities"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield f"{at}: hostPort"
    if both.get("readOnlyRootFilesystem") is not True:
        yield f"{at}: the root file system can be written to"


def of_a_guest(at, spec, settings):
    container = spec["containers"][0]
    yield from (f"{at}: no {probe}" for probe in ("startupProbe", "readinessProbe", "livenessProbe")
                if probe not in container)
    found = [settings[source["configMapRef"]["name"]] for source in container["envFrom"]]
    timeout = int(found[0].get("VM_STOP_TIMEOUT", 150))
    sleep = container["lifecycle"]["preStop"]["exec"]["command"]
    if spec.get("terminationGracePeriodSeconds", 30) <= timeout + int(sleep[1]):
        yield f"{at}: terminationGracePeriodSeconds is not above VM_STOP_TIMEOUT and preStop"


# --- pods of controllers -------------------------------------------------------------------------


def find(things, kind, name):
    for thing in things:
        if thing["kind"] == kind and thing["metadata"]["name"] == name:
            return thing
    sys.exit(f"there is no {kind}/{name}")


def pod(things, kind, name, index="0"):
    owner = find(things, kind, name)
    spec, own, result = owner["spec"]["template"]["spec"], f"{name}-{index}", []
    for template in owner["spec"].get("volumeClaimTemplates", []):
        claim = template["metadata"]["name"]
        result.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                       "metadata": {"name": f"{claim}-{own}"}, "spec": template["spec"]})
        spec.setdefault("volumes", []).append(
            {"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{own}"}})
    if kind == "Job":
        for container in spec.get("initContainers", []) + spec["containers"]:
            container.setdefault("env", []).append({"name": "JOB_COMPLETION_INDEX", "value": index})
    result.append({"apiVersion": "v1", "kind": "Pod", "spec": spec,
                   "metadata": {**owner["spec"]["template"].get("metadata", {}), "name": own}})
    return [thing for thing in things if thing["kind"] in ("ConfigMap", "PersistentVolumeClaim")] + result


def probe(things, kind, name, which):
    container = find(things, kind, name)["spec"]["template"]["spec"]["containers"][0]
    where = container["lifecycle"] if which == "preStop" else container
    return where[which]["exec"]["command"]


def main(verb, *words):
    things = [thing for thing in yaml.safe_load_all(sys.stdin) if thing]
    if verb in ("schema", "restricted"):
        errors = list({"schema": schema, "restricted": restricted}[verb](things))
        print("\n".join(errors) or f"{len(things)} objects are as they should be")
        sys.exit(bool(errors))
    if verb == "probe":
        print("\n".join(probe(things, *words)))
    else:
        chosen = [find(things, *words)] if verb == "object" else pod(things, *words)
        yaml.safe_dump_all(chosen, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
