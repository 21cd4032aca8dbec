package vecgate.authz

# METADATA
# title: Another repository's collection
# description: The tests of a repository touch only collections that carry its name, as in `ci-shop-1742`.
# custom:
#   remedy: Name the collection `ci-`, the repository, `-` and what you like.
denials contains "foreign_collection" if {
	"ci" in input.principal.roles
	some name in touched
	not _of_repository(name)
}

_of_repository(name) if {
	startswith(name, "ci-")
	repository := input.principal.claims.repository
	is_string(repository)
	repository != ""
	rest := trim_prefix(name, "ci-")
	startswith(rest, repository)
	startswith(trim_prefix(rest, repository), "-")
}
