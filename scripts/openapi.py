"""openapi - docs/api.yaml from the web server's table of routes and the table of commands, for scripts/docs.

What both have is written once: a route names its command, whose text is the summary, and a parameter names the option
whose help describes it. The rest, mostly the responses, is in init/web/api.yaml.in.
"""

import re
import sys
import textwrap

TEMPLATE = "init/web/api.yaml.in"
WIDTH = 110
DEFAULT = ["        default:", "          $ref: '#/components/responses/Problem'"]


def fail(text):
    sys.exit(f"docs: {TEMPLATE}: {text}")


def scalar(text, indent):
    """TEXT as what follows a key that stands INDENT blanks from the left."""
    plain = re.match(r"[A-Za-z/.][^\n]*$", text) and not re.search(r": |:$| #|\s$", text) and text not in ("true", "no")
    short = text if plain else "'" + text.replace("'", "''") + "'"
    if indent + len(short) <= WIDTH:
        return " " + short
    lines = textwrap.wrap(text, WIDTH - indent - 2, break_long_words=False, break_on_hyphens=False)
    return "\n".join([" >-"] + [" " * (indent + 2) + line for line in lines])


def text_line(key, text, indent):
    return f"{' ' * indent}{key}:{scalar(text, indent + len(key) + 1)}"


def command_row(route, commands):
    """The row of the route's command; its further words must be in the table, too."""
    name, *words = route["command"].split()
    row = commands.get(name) or sys.exit(f"docs: {route['id']}: there is no command vm {name}")
    known = row["first"].split("|") + [option["name"] for option in row["options"]]
    for word in words:
        if word not in known:
            sys.exit(f"docs: {route['id']}: vm {name} has no {word}")
    return row


def description(route, parameter, commands):
    """What PARAMETER means: its own text, or the help of its option. maxLength counts characters."""
    most = f", at most {parameter['max']} bytes" if parameter["type"] == "text" and parameter["max"] else ""
    return meaning(route, parameter, commands) + most


def meaning(route, parameter, commands):
    if not parameter["option"]:
        return parameter["help"]
    row = command_row(route, commands)
    for option in row["options"]:
        if option["name"] == parameter["option"]:
            if parameter["choices"] and sorted(parameter["choices"].split("|")) != sorted(option["value"].split("|")):
                sys.exit(f"docs: {route['id']}: {parameter['name']} is {parameter['choices']}, and "
                         f"{option['name']} {option['value']}")
            return option["help"]
    sys.exit(f"docs: {route['id']}: vm {row['name']} has no {parameter['option']}")


def schema(p, indent):
    """The lines of the schema of parameter P."""
    at = " " * indent
    if p["type"] == "text or number":
        return [f"{at}type:", f"{at}- string", f"{at}- integer"]
    if p["type"] == "boolean":
        return [f"{at}type: boolean"]
    if p["type"] == "integer":
        return [f"{at}type: integer", f"{at}default: {p['default']}", f"{at}minimum: {p['min']}",
                f"{at}maximum: {p['max']}"]
    out = [f"{at}type: string"]
    if p["choices"]:
        words = p["choices"].split("|")
        out += [f"{at}default: {words[0]}", f"{at}enum:"] + [f"{at}- {word}" for word in words]
    if p["min"]:
        out.append(f"{at}minLength: {p['min']}")
    if p["max"]:
        out.append(f"{at}maxLength: {p['max']}")
    return out


def parameters(route, commands):
    """Those that are no members of a body."""
    rows = [p for p in route["parameters"] if p["in"] in ("path", "query", "header")]
    out = ["      parameters:"] if rows else []
    for p in rows:
        out += [f"      - name: {p['name']}", f"        in: {p['in']}",
                f"        required: {'true' if p['required'] else 'false'}",
                text_line("description", description(route, p, commands), 8), "        schema:"]
        out += schema(p, 10)
    named = {p["name"] for p in rows if p["in"] == "path"}
    words = set(re.findall(r"{(\w+)}", route["path"]))
    if named != words:
        sys.exit(f"docs: {route['path']} has {words or 'no word'}, and its table {named or 'none'}")
    return out


def body(route, commands):
    rows = [p for p in route["parameters"] if p["in"] in ("body", "form")]
    if not rows:
        return []
    kind = "application/json" if rows[0]["in"] == "body" else "application/x-www-form-urlencoded"
    out = ["      requestBody:", "        required: true", "        content:", f"          {kind}:",
           "            schema:", "              type: object", "              properties:"]
    for p in rows:
        out += [f"                {p['name']}:"] + schema(p, 18)
        out.append(text_line("description", description(route, p, commands), 18))
    required = [f"              - {p['name']}" for p in rows if p["required"]]
    return out + (["              required:"] + required if required else [])


def operation(route, commands, by_hand):
    """Its lines; BY_HAND are those of the template."""
    row = command_row(route, commands) if route["command"] else None
    out = [f"    {'get' if route['method'] == 'WS' else route['method'].lower()}:",
           f"      operationId: {route['id']}",
           text_line("summary", route["summary"] or row["about"], 6)]
    if row:
        out.append(text_line("description", f"The command is `vm {route['command']}` (docs/commands.md).", 6))
    if route["open"]:
        out.append("      security: []")
    own = body(route, commands)
    if own and "      requestBody:" in by_hand:
        fail(f"@{route['id']} has a body, which the table of routes has, too")
    if "      responses:" not in by_hand:
        fail(f"@{route['id']} has no responses")
    return out + parameters(route, commands) + own + by_hand + DEFAULT


def statuses(table):
    return "; ".join(f"{row['exit_status']}: {row['http']}" for row in table["statuses"])


def document(table, commands):
    """docs/api.yaml; TABLE is the output of vm-web --routes, COMMANDS that of vm --help --json."""
    commands = {row["name"]: row for row in commands}
    routes = {route["id"]: route for route in table["routes"]}
    with open(TEMPLATE, encoding="utf-8") as file:
        text = re.sub(r"\A(#.*\n)+", "# The HTTP API of VM_WEB=1: OpenAPI 3.1. Generated by scripts/docs (make docs) "
                      f"from\n# init/web/routes.c, init/vm/commands.c and {TEMPLATE}.\n", file.read())
    text = text.replace("@statuses@", statuses(table))
    head, *parts = re.split(r"^@(\w+)\n", text, flags=re.M)
    last, tail = re.fullmatch(r"(.*?)^(components:\n.*)", parts[-1], re.M | re.S).groups()
    parts[-1] = last
    out = [head.rstrip("\n")]
    paths = []
    for name, by_hand in zip(parts[::2], parts[1::2]):
        route = routes.pop(name, None) or fail(f"@{name} is no route, or is there twice")
        if not paths or paths[-1] != route["path"]:
            if route["path"] in paths:
                fail(f"@{name}: move it to the other methods of {route['path']}")
            paths.append(route["path"])
            out.append(f"  {route['path']}:")
        out += operation(route, commands, by_hand.rstrip("\n").split("\n"))
    if routes:
        fail(f"there is no @{', @'.join(routes)}")
    return "\n".join(out) + "\n" + tail
