package vecgate.authz

# METADATA
# title: Tenant suspended
# description: Nobody acts for a customer who is suspended, not even to read.
# custom:
#   remedy: Settle it with the customer, and take the tenant out of `saas.suspended`.
denials contains "tenant_suspended" if {
	bound
	tenant in data.saas.suspended
}

# METADATA
# title: Suspended customers missing
# description: Without the list nobody would be suspended, so nothing is allowed.
# custom:
#   remedy: Put `saas.suspended` into data.yaml, as a list.
denials contains "suspended_missing" if not _suspended_told

# METADATA
# title: Recording of support
# description: What support looked for in a customer's records is kept.
obligations contains {"type": "record", "level": "request"} if {
	reaches_records
	"support" in input.principal.roles
}

_suspended_told if is_array(data.saas.suspended)
