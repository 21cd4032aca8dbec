package vecgate.authz

# METADATA
# title: Program needed
# description: A person does not act with a program's role.
# custom:
#   remedy: Use a role of your own, or let the job do it.
denials contains "program_needed" if {
	input.principal.kind != "workload"
	some role in input.principal.roles
	role in data.jobs.programs
}

# METADATA
# title: Human needed
# description: A program does not act with a person's role.
# custom:
#   remedy: Give the program a role of its own.
denials contains "human_needed" if {
	input.principal.kind != "human"
	some role in input.principal.roles
	role in data.jobs.people
}

# METADATA
# title: Callers incomplete
# description: Without the lists of roles a person could pass for a program.
# custom:
#   remedy: Put `jobs.programs` and `jobs.people` into data.yaml, as lists.
denials contains "callers_incomplete" if not _callers_told

_callers_told if {
	is_array(data.jobs.programs)
	is_array(data.jobs.people)
}
