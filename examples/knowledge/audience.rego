package vecgate.authz

import data.vecgate.who

# METADATA
# title: Audience
# description: People read, count and change what is for everyone or for a group of theirs.
obligations contains {"type": "filter", "where": _for_caller} if {
	reaches_records
	not _for_all_audiences
}

_for_all_audiences if who.among(input.principal, data.knowledge.all_audiences)

_for_caller := {
	"type": "field",
	"operator": "in",
	"field": "audience",
	"value": array.concat(["everyone"], input.principal.groups),
}
