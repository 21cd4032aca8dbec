package vecgate.authz

# METADATA
# title: On hold
# description: |
#   Nothing is changed or deleted in a collection that is on hold. What names no collection and changes something may touch
#   all of them, so it waits until none is on hold.
# custom:
#   remedy: Wait until the hold ends, and the collection is taken out of `knowledge.on_hold`.
denials contains "on_hold" if _held

# METADATA
# title: Holds missing
# description: Without the list nothing would be on hold, so nothing is allowed.
# custom:
#   remedy: Put `knowledge.on_hold` into data.yaml, as a list.
denials contains "holds_missing" if not _holds_told

_held if {
	some name in input.operation.writes
	named(name, data.knowledge.on_hold)
}

_held if {
	not reading
	count(touched) == 0
	not _no_hold
}

_no_hold if count(data.knowledge.on_hold) == 0

_holds_told if is_array(data.knowledge.on_hold)
