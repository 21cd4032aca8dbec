"""What must be done for an allowed operation to stay allowed.

Each obligation of the contract's closed list is fulfilled in one place:

    filter, stamp, limit, vectors    on the request, by `Adapter.narrow`: the database is asked for no more than is allowed
    mask, detect, vectors, scores,   on the answer, by `masking`: what comes back all the same is hidden, taken out or refused;
    limit                            values inside texts by its `sieve`
    mask, detect                     on the request, by `predicates`: a field that is masked may not be asked about either
    approval, budget                 not built yet: `decision.combine` denies
    record                           by `audit`, which keeps as much of the exchange as the terms' level says

Whatever the obligations, no mask may be written back: `marks`. `fields` says which fields a pattern names, for both sides;
`rules` what happens to a field; `operators` what takes a value's place, with `tokens` for those that can be undone, and
`withholding` how vectors and scores go. All of it is pure.
"""
