"""The control API: what somebody asks of the gateway itself, rather than of a database.

It runs in a process of its own beside the workers, on a private socket, and Envoy stands before it as before a database: it
verifies tokens and says what it found. Every act passes one place, `acts`, where the administration policy decides and where
it is written down, before and after. To add an act: a function of (caller, body) in a module of its own that asks `Acts` for
leave, and one line in the route table in `service`.

    client      a command's side: a token from a file, one request, an `Error` or the answer
    service     configuration to parts, served until told to stop; the route table
    app         HTTP in and out: bodies within bounds, errors as JSON
    callers     what Envoy says of a token becomes a `Caller`
    acts        one act of one caller: decided, on record, done, on record
    admins      who administers where the policy does not say
    reveal      the value behind a token
"""
