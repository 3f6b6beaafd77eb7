# tokens.awk - a source file behind the C preprocessor as tokens: its functions, tables, arguments.

/^#/ {
	split($0, mark, "\"")
	ours = mark[2] == source
	next
}

ours {
	line = $0
	while (match(line, /"([^"\\]|\\.)*"|'([^'\\]|\\.)*'|[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9A-Za-z.]*|->|[^ \t]/)) {
		tok[++count] = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
	}
}

# The token behind the bracket that OPEN opens.
function past(open,   depth, k)
{
	depth = 0
	for (k = open; k <= count; k++) {
		if (tok[k] ~ /^[({[]$/)
			depth++
		else if (tok[k] ~ /^[])}]$/ && --depth == 0)
			return k + 1
	}
	return count + 1
}

# The arguments of the call whose bracket is at OPEN: arg_from[1..], arg_to[]; their number.
function arguments(open,   k, n, end)
{
	end = past(open) - 1
	n = 1
	arg_from[1] = open + 1
	for (k = open + 1; k < end; k++) {
		if (tok[k] ~ /^[({[]$/)
			k = past(k) - 1
		else if (tok[k] == ",") {
			arg_to[n++] = k - 1
			arg_from[n] = k + 1
		}
	}
	arg_to[n] = end - 1
	return end == open + 1 ? 0 : n
}

function is_literal(k)
{
	return substr(tok[k], 1, 1) == "\""
}

function unquote(t)
{
	return substr(t, 2, length(t) - 2)
}

# Add the literals from A to B to found[], neighbours joined. What is compared or looked up is none.
function literals(a, b,   k, t)
{
	for (k = a; k <= b; k++) {
		if ((tok[k] == "strcmp" || tok[k] == "strncmp" || tok[k] == "strstr") && tok[k + 1] == "(")
			k = past(k + 1) - 1
		if (!is_literal(k))
			continue
		t = ""
		for (; k <= b && is_literal(k); k++)
			t = t unquote(tok[k])
		if (t != "" && t != "%s")
			found[++found_count] = t
	}
}

# Functions and tables of the file.
function outline(   k, name, end, j, n)
{
	for (k = 1; k <= count; k++) {
		if (tok[k] == "(" && tok[k - 1] ~ /^[A-Za-z_]/) {
			name = tok[k - 1]
			end = past(k)
			while (tok[end] == "__attribute__")
				end = past(end + 1)
			if (tok[end] == "{") {
				n = arguments(k)
				f_params[name] = n
				for (j = 1; j <= n; j++)
					f_param[name, j] = last_name(arg_from[j], arg_to[j])
				f_from[name] = end
				f_to[name] = past(end) - 1
				order[++order_count] = name
				k = f_to[name]
			} else
				k = end - 1
		} else if (tok[k] == "=") {
			j = k - 1
			while (tok[j] == "]") {
				while (tok[j] != "[")
					j--
				j--
			}
			name = tok[j]
			global_from[name] = k + 1
			while (k <= count && tok[k] != ";")
				k++
			global_to[name] = k - 1
		} else if (tok[k] == "{")
			k = past(k) - 1
	}
}

function last_name(a, b,   k, name)
{
	name = ""
	for (k = a; k <= b; k++) {
		if (tok[k] == "[")
			break
		if (tok[k] ~ /^[A-Za-z_]/)
			name = tok[k]
	}
	return name
}
