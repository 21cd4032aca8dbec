"""What must be done for an allowed operation to stay allowed.

Each obligation of the contract's closed list is fulfilled in one place:

    filter, stamp, limit, vectors    on the request, by `Adapter.narrow`: the database is asked for no more than is allowed
    mask, vectors, scores, limit     on the answer, by `masking`: what comes back all the same is hidden, taken out or refused
    mask, detect                     on the request, by `predicates`: a field that is masked may not be asked about either
    detect                           not built yet: `masking.compile_mask` denies with ``detect_unavailable``
    approval, budget                 not built yet: `decision.combine` denies
    record                           by `audit`, which keeps as much of the exchange as the terms' level says

`fields` says which fields a pattern names, for both sides; `operators` what takes a value's place, and `withholding` how
vectors and scores go. All of it is pure.
"""
