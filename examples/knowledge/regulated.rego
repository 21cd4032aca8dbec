package vecgate.authz

# METADATA
# title: Regulated
# description: Whether the operation touches a collection under a law of its own, or may touch all of them.
# scope: document
regulated if {
	some name in touched
	named(name, data.knowledge.regulated)
}

regulated if {
	reaches_records
	count(touched) == 0
}

# METADATA
# title: Outside the network
# description: Regulated collections are reached from the company's own networks alone.
# custom:
#   remedy: Connect from one of the networks in `knowledge.networks`.
denials contains "outside_network" if {
	regulated
	not _inside
}

# METADATA
# title: Person unknown
# description: Who reads what is regulated is known by name.
# custom:
#   remedy: Have the identity provider put the claim that `identity.issuers[].person` names into the token.
denials contains "person_unknown" if {
	regulated
	input.principal.kind == "human"
	not is_string(input.principal.person)
}

# METADATA
# title: Regulated collections missing
# description: Without the list nothing would be regulated, so nothing is allowed.
# custom:
#   remedy: Put `knowledge.regulated` into data.yaml, as a list.
denials contains "regulated_missing" if not _regulated_told

# METADATA
# title: Recording of regulated collections
# description: Whatever is done there is kept with its request.
obligations contains {"type": "record", "level": "request"} if regulated

_inside if strings.any_prefix_match(input.context.source, data.knowledge.networks)

_regulated_told if is_array(data.knowledge.regulated)
