# texts.awk - the texts that an argument may have, as far as literals of the same file say.

function parameter_number(name,   k)
{
	for (k = 1; k <= param_count; k++)
		if (param[k] == name)
			return k
	return 0
}

# What NAME gets between the tokens A and B: NAME = ...; and snprintf(NAME, ...).
function assigned(name, a, b,   k, j)
{
	for (k = a; k <= b; k++) {
		if (tok[k] != name || tok[k - 1] == "." || tok[k - 1] == "->")
			continue
		j = k + 1
		while (tok[j] == "[")
			j = past(j)
		if (tok[j] == "=" && tok[j + 1] != "=") {
			for (k = j + 1; k <= b && tok[k] !~ /^[;)]$/; k++)
				if (tok[k] ~ /^[({[]$/)
					k = past(k) - 1
			literals(j + 1, k - 1)
			returned(j + 1, k - 1)
		} else if (tok[k - 1] == "(" && tok[k - 2] == "snprintf") {
			literals(k, past(k - 1) - 1)
			k = past(k - 1) - 1
		} else if (tok[k - 1] == "&" && tok[k - 2] == "(") {
			continue
		} else if (tok[k + 1] == ")" || tok[k + 1] == ",") {
			filled(k)
		}
	}
}

# K is an argument of a call: what a function of this file prints into that parameter.
function filled(k,   open, depth, name, n, j, here)
{
	depth = 0
	for (open = k; open > 1; open--) {
		if (tok[open] ~ /^[])}]$/)
			depth++
		else if (tok[open] ~ /^[({[]$/ && depth-- == 0)
			break
		else if (tok[open] == ";")
			return
	}
	name = tok[open - 1]
	if (!(name in f_from) || name == doing || name in visiting)
		return
	n = 1
	for (j = open + 1; j < k; j++)
		if (tok[j] ~ /^[({[]$/)
			j = past(j) - 1
		else if (tok[j] == ",")
			n++
	visiting[name] = 1
	if (f_param[name, n] != "")
		assigned(f_param[name, n], f_from[name], f_to[name])
	delete visiting[name]
}

# The texts that the functions called between A and B return, if they are this file's.
function returned(a, b,   k, j, name)
{
	for (k = a; k <= b; k++) {
		name = tok[k]
		if (tok[k + 1] == "(" && (name in external))
			found[++found_count] = external[name]
		if (tok[k + 1] != "(" || !(name in f_from) || name in visiting)
			continue
		visiting[name] = 1
		for (j = f_from[name]; j <= f_to[name]; j++)
			if (tok[j] == "return") {
				here = j
				while (tok[j] != ";")
					j++
				literals(here, j - 1)
				returned(here, j - 1)
				if (tok[here + 1] ~ /^[a-z_]+$/ && tok[here + 2] == ";")
					assigned(tok[here + 1], f_from[name], f_to[name])
			}
		delete visiting[name]
	}
}

# Is the name at K a function, or a struct or an array of them of which a member follows?
function is_member(k)
{
	k++
	while (tok[k] == "[")
		k = past(k)
	return tok[k] == "(" || tok[k] == "." || tok[k] == "->"
}

# The texts that the argument from A to B may have, in found[1..found_count]. Returns the number of
# the function's parameter if it is one.
function texts(a, b,   k)
{
	found_count = 0
	while (tok[a] == "(" && past(a) == b + 1) {
		a++
		b--
	}
	literals(a, b)
	returned(a, b)
	for (k = a; k <= b; k++) {
		if (tok[k] == "[")
			k = past(k)
		if (k > b || tok[k] !~ /^[a-z_]/ || tok[k - 1] == "." || tok[k - 1] == "->" || is_member(k))
			continue
		if (a == b && parameter_number(tok[k]))
			return parameter_number(tok[k])
		if (tok[k] == "plain_text_fix")
			found[++found_count] = "save the file as UTF-8 (PowerShell: | Out-File -Encoding ascii, not >)"
		if (tok[k + 1] == "[" && tok[k] in global_from)
			literals(global_from[tok[k]], global_to[tok[k]])
		else if (tok[k] in global_from && k == b)
			literals(global_from[tok[k]], global_to[tok[k]])
		if (tok[k + 1] != "[" || k == a)
			assigned(tok[k], from, to)
	}
	return 0
}
