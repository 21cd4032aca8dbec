package vecgate.authz

# METADATA
# title: Recording of changes
# description: Whatever may change something is recorded with its request.
obligations contains {"type": "record", "level": "request"} if not reading

# METADATA
# title: Recording of hidden fields
# description: Whoever reaches records and sees what is hidden from others leaves the request behind.
obligations contains {"type": "record", "level": "request"} if {
	reaches_records
	sees_hidden
}
