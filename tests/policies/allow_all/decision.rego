# METADATA
# title: Allow everything
# description: For tests of what lies around the policy.
package vecgate.authz

# METADATA
# title: Decision
# description: Every operation is allowed, without obligations.
# entrypoint: true
decision := {"allow": true}
