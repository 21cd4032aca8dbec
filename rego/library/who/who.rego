# METADATA
# title: Who
# description: |
#   Lists of the data that say who: `everyone`, `role:NAME`, `group:NAME`, `kind:human`, `kind:workload`. Any other entry is
#   nobody, so a slip in a list that gives something gives it to nobody.
package vecgate.who

# METADATA
# title: Among
# description: Whether a principal is among those that a list names.
# scope: document
among(_, names) if "everyone" in names

among(principal, names) if {
	some name in names
	startswith(name, "role:")
	trim_prefix(name, "role:") in principal.roles
}

among(principal, names) if {
	some name in names
	startswith(name, "group:")
	trim_prefix(name, "group:") in principal.groups
}

among(principal, names) if {
	some name in names
	startswith(name, "kind:")
	trim_prefix(name, "kind:") == principal.kind
}
