package vecgate.authz

import data.vecgate.who

# METADATA
# title: Outside the hours
# description: A nightly job changes nothing by day.
# custom:
#   remedy: Wait for the night, or have somebody on call do it.
denials contains "outside_hours" if {
	who.among(input.principal, data.jobs.nightly)
	not reading
	not _night
}

# METADATA
# title: Nightly jobs missing
# description: Without the list no job would keep to the hours.
# custom:
#   remedy: Put `jobs.nightly` into data.yaml, as a list.
denials contains "nightly_missing" if not _nightly_told

_night if {
	[hour, _, _] := time.clock(input.context.time_ns)
	hour >= data.jobs.hours.from
	hour < data.jobs.hours.until
}

_nightly_told if is_array(data.jobs.nightly)
