"""Expressions of GitHub Actions, as docs.github.com describes them (Evaluate expressions in workflows and actions):
literals, contexts, operators, and the functions that this repository's workflows use."""

import json
import re

TOKEN = re.compile(r"\s*(?:(?P<number>-?\d+(?:\.\d+)?)|'(?P<text>(?:[^']|'')*)'|(?P<op>&&|\|\||==|!=|<=|>=|[!<>()\[\],.])"
                   r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*|\*))")


class Expression:
    """One expression; STATUS is the state that success(), failure(), always() and cancelled() see."""

    def __init__(self, text, contexts, status):
        self.contexts, self.status = contexts, status
        self.used_status = False
        self.tokens, at = [], 0
        text = text.strip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise ValueError(f"expression '{text}': cannot read '{text[at:]}'")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self.text, self.at = text, 0

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else (None, None)

    def take(self, value=None):
        token = self.peek()
        if token[0] is None or value is not None and token[1] != value:
            raise ValueError(f"expression '{self.text}': '{value}' expected")
        self.at += 1
        return token

    def value(self):
        result = self.either()
        if self.at != len(self.tokens):
            raise ValueError(f"expression '{self.text}': '{self.peek()[1]}' is too much")
        return result

    def either(self):
        left = self.both()
        while self.peek() == ("op", "||"):
            self.take()
            right = self.both()
            left = left if truth(left) else right
        return left

    def both(self):
        left = self.compared()
        while self.peek() == ("op", "&&"):
            self.take()
            right = self.compared()
            left = right if truth(left) else left
        return left

    def compared(self):
        left = self.unary()
        while self.peek()[0] == "op" and self.peek()[1] in ("==", "!=", "<", ">", "<=", ">="):
            op = self.take()[1]
            right = self.unary()
            if op in ("==", "!="):
                left = same(left, right) == (op == "==")
            else:
                a, b = number(left), number(right)
                left = {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[op]
        return left

    def unary(self):
        if self.peek() == ("op", "!"):
            self.take()
            return not truth(self.unary())
        return self.postfix()

    def postfix(self):
        kind, text = self.take()
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "text":
            return text.replace("''", "'")
        if (kind, text) == ("op", "("):
            value = self.either()
            self.take(")")
        elif kind == "name" and self.peek() == ("op", "("):
            return self.call(text)
        elif kind == "name":
            if text in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[text]
            if text not in self.contexts:
                raise ValueError(f"expression '{self.text}': there is no context '{text}'")
            value = self.contexts[text]
        else:
            raise ValueError(f"expression '{self.text}': '{text}' is misplaced")
        while self.peek()[1] in (".", "["):
            if self.take()[1] == ".":
                key = self.take()[1]
            else:
                key = self.either()
                self.take("]")
            if key == "*":
                return list(value.values()) if isinstance(value, dict) else value
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def call(self, name):
        self.take("(")
        arguments = []
        while self.peek() != ("op", ")"):
            arguments.append(self.either())
            if self.peek() == ("op", ","):
                self.take()
        self.take(")")
        if name in ("success", "failure", "always", "cancelled"):
            self.used_status = True
            return {"success": self.status == "success", "failure": self.status == "failure",
                    "always": True, "cancelled": self.status == "cancelled"}[name]
        if name == "format":
            return re.sub(r"\{(\d+)\}", lambda m: string(arguments[int(m[1]) + 1]), string(arguments[0]))
        if name == "contains":
            where, what = arguments
            if isinstance(where, list):
                return any(same(item, what) for item in where)
            return string(what).lower() in string(where).lower()
        if name == "startsWith":
            return string(arguments[0]).lower().startswith(string(arguments[1]).lower())
        if name == "fromJSON":
            return json.loads(string(arguments[0]))
        if name == "toJSON":
            return json.dumps(arguments[0], indent=2)
        raise ValueError(f"expression '{self.text}': function {name} is not known here")


def truth(value):
    return value not in (None, False, 0, "") if not isinstance(value, (dict, list)) else True


def number(value):
    if value in (None, "", False):
        return 0
    if value is True:
        return 1
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def same(left, right):
    """Strings ignore case; values of different types are compared as numbers."""
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if type(left) is type(right):
        return left == right
    return number(left) == number(right)


def string(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def fill(text, contexts, status):
    """TEXT with every ${{ }} replaced; a text that is one expression keeps its type."""
    if not isinstance(text, str):
        return text
    whole = re.fullmatch(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", text, re.S)
    if whole:
        return Expression(whole[1], contexts, status).value()
    return re.sub(r"\$\{\{(.*?)\}\}", lambda m: string(Expression(m[1], contexts, status).value()), text, flags=re.S)


def condition(text, contexts, status):
    """A step's `if`: without a status function, success() applies."""
    if text is None:
        return status == "success"
    if isinstance(text, str):
        inner = re.fullmatch(r"\s*\$\{\{(.*)\}\}\s*", text, re.S)
        expression = Expression(inner[1] if inner else text, contexts, status)
        value = expression.value()
        return truth(value) and (expression.used_status or status == "success")
    return bool(text) and status == "success"
