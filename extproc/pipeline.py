"""The story of one exchange: identify, recognise, decide, fulfil, record; every failure on the way ends in a denial.

An `Exchange` is driven by what `stream` finds whole: `opened` when the caller may still be refused before a body is read,
`asked` with the whole request, `answered` with the whole response, `closed` with its trailers, `ended` when Envoy lets go.
Evidence comes before release: the intent is durable before the request leaves, the outcome before the answer does. What an
error means to a client is the adapter's to say; what is written down the witness's. It knows no protobuf and no database.

Where the policy is only observed, everything is decided and worked out as ever, told, and not done: the request leaves as it
came, in canonical form, and its answer is delivered as it is (`_governed`, `_deliver`). Nothing else is different.
"""

from __future__ import annotations

import asyncio
import logging
import traceback

import msgspec

from extproc import forwarding, local_reply
from extproc.audit import recording
from extproc.audit.account import Account, Delivered
from extproc.audit.entry import End, Recording
from extproc.decision import Decision, Input, Level, Terms
from extproc.engines.engine import decide_together
from extproc.errors import (
    AuditError,
    ConfigError,
    CredentialError,
    CredentialRefused,
    Denied,
    Error,
    NotFound,
    SecretMissing,
    Unauthenticated,
    UpstreamError,
)
from extproc.events import Closing, Continue, Fields, Head, Immediate, Opening, Reply, Request, Response, Whole
from extproc.guard import Guard
from extproc.obligations.fulfilment import Means, fulfil
from extproc.obligations.marks import refuse_written_masks
from extproc.obligations.masking import Mask, compile_mask
from extproc.operation import Answer, Context, Operation, Principal
from extproc.protocols.adapter import Denial, Outgoing, Reading
from extproc.reservations import Held

_log = logging.getLogger(__name__)

_SECOND = 10**9
_FIRST_SUCCESS = 200
_FIRST_REDIRECT = 300
_LONGEST_USER_AGENT = 256
_MOST_QUESTION_ROUNDS = 3
_LARGE_BODY = 128 << 10
_LONG_SEARCH = 512 << 10
"""Bytes of an answer from which on it is searched beside the loop; handing the interpreter to and fro costs more for others."""


class Exchange:
    """One HTTP request and its response, on their way through the gateway."""

    def __init__(self, guard: Guard, *, exchange: str, traceparent: str | None) -> None:
        self._guard = guard
        detail = guard.observation.detail if guard.observation else {}
        self._account = Account(exchange=exchange, started=guard.clock(), traceparent=traceparent, detail=dict(detail))
        self._reading: Reading | None = None
        self._masks: tuple[Mask, ...] = ()
        self._method = ""
        self._probe: Outgoing | None = None
        self._response: Response | None = None
        self._held: Held | None = None
        self.over = False
        """Whether everything that can be told of this exchange is on record."""

    async def handle(self, whole: Whole) -> Reply:
        """Return the reply to what has become whole. Never raises but for cancellation: every failure is a denial."""
        try:
            return await self._reply(whole)
        except ConfigError as error:
            _log.error("what the configuration names is missing: %s", error)
            return await self.refuse(CredentialError("a secret that the gateway needs is missing"))
        except Error as error:
            return await self.refuse(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must end in a denial and nothing of it may show
            return await self.refuse(_unexpected(error))

    async def _reply(self, whole: Whole) -> Reply:
        match whole:
            case Opening(head=head):
                return await self._opened(head)
            case Request():
                return await self._asked(whole)
            case Response():
                return await self._answered(whole)
            case Closing(fields=trailers):
                return await self._closed(trailers)

    # --- request ---------------------------------------------------------------------------------------------------

    async def _opened(self, head: Head) -> Reply:
        """Know the caller before a byte of the body is read; a health probe needs no caller."""
        health = self._guard.adapter.health(head, self._guard.clock())
        match health:
            case Immediate():
                self.over = True
                return health
            case Outgoing():
                self.over, self._probe = True, health
            case None:
                self._identify(head)
                self._guard.adapter.admit(head)
        return forwarding.undecided(head)

    async def _asked(self, request: Request) -> Reply:
        """Take a whole request through all five steps."""
        if self._account.principal is None and self._probe is None:
            early = await self._opened(request.head)
            if isinstance(early, Immediate):
                return early
        if self._probe is not None:
            return forwarding.towards_database(request.head, self._probe, None)
        principal = self._identify(request.head)
        reading = await self._governed(principal, await self._recognise(request))
        outgoing = self._guard.adapter.write(reading)
        credential = self._credential(principal, reading)
        await self._record_intent(outgoing)
        if reading.outdates:
            self._guard.upstream.forget()
        self._reading, self._method = reading, request.method
        return forwarding.towards_database(request.head, outgoing, credential)

    def _credential(self, principal: Principal, reading: Reading) -> forwarding.Credential | None:
        """Return the gateway's own credential: its key, or a token that is signed with it for this one request."""
        found, mint = self._guard.credential(), self._guard.mint
        if found is None or mint is None:
            return found
        header, key = found
        return header, mint(key, reading.operations, principal.id, self._guard.clock() // _SECOND)

    def _identify(self, head: Head) -> Principal:
        account, guard = self._account, self._guard
        if account.principal is None:
            account.source = _source(head)
            account.user_agent = b" ".join(head.values("user-agent")).decode("latin-1")[:_LONGEST_USER_AGENT]
            try:
                account.principal = guard.identifier.identify(head, account.started // 1_000_000_000)
            except Unauthenticated:
                account.claimed = guard.identifier.claimed(head)
                raise
        guard.locks.require_open(account.principal, guard.database)
        return account.principal

    async def _recognise(self, request: Request) -> Reading:
        """Ask the adapter what this is, and the database what only it knows, until no question is left."""
        guard = self._guard
        if len(request.body) > _LARGE_BODY:
            # Others are served meanwhile: a large body takes long enough to be noticed by everybody.
            reading = await asyncio.to_thread(guard.adapter.read, request, guard.database)
        else:
            reading = guard.adapter.read(request, guard.database)
        reading = await self._settled(reading)
        self._account.operations = reading.operations
        return reading

    async def _settled(self, reading: Reading) -> Reading:
        """Ask the database until no question is left."""
        guard = self._guard
        for _ in range(_MOST_QUESTION_ROUNDS):
            if not reading.questions:
                return reading
            self._account.asked += len(reading.questions)
            reading = guard.adapter.resolve(reading, await guard.upstream.ask(reading.questions))
        raise NotFound("the request's names could not be resolved")

    async def _governed(self, principal: Principal, reading: Reading) -> Reading:
        """Return the request as the policy lets it leave; where the policy is only observed, as it came."""
        try:
            narrowed = await self._narrowed(principal, reading)
        except Error as error:
            self._waive(error)
            self._account.kept_back, self._account.level = True, self._guard.default_level
            self._masks = (compile_mask(Terms(), None, self._guard.catalogue),) * len(reading.operations)
            return reading
        return reading if self._guard.observation else narrowed

    async def _narrowed(self, principal: Principal, reading: Reading) -> Reading:
        """Decide, and do to the request what the decisions ask of it."""
        reading = self._fulfil(reading, await self._decide(principal, reading))
        if reading.reserves is not None and not self._guard.observation:  # what is not stopped need not be waited for
            self._held = await self._guard.reservations.take(reading.reserves)
        return await self._settled(reading)

    def _waive(self, error: Error) -> None:
        """Note what the policy would have had refused, where it is only observed; else, and for want of evidence, refuse."""
        if self._guard.observation is None or isinstance(error, AuditError):
            raise error
        self._guard.observation.waive()
        self._account.waived = error.code

    async def _decide(self, principal: Principal, reading: Reading) -> tuple[Decision, ...]:
        """Ask the engine about each operation by itself; all must be allowed."""
        account, engine = self._account, self._guard.engine
        account.inputs = tuple(self._input(principal, operation) for operation in reading.operations)
        account.revision = engine.revision  # of a failure to decide
        account.decisions, account.revision = await decide_together(engine, account.inputs)
        for decision in account.decisions:
            if not decision.allow:
                reasons = decision.reasons or ("policy_denied",)
                raise Denied(f"the policy does not allow this: {', '.join(reasons)}", code=reasons[0])
        return account.decisions

    def _input(self, principal: Principal, operation: Operation) -> Input:
        account = self._account
        context = Context(
            time_ns=account.started,
            source=account.source,
            user_agent=account.user_agent,
            approval=None,
            exchange=account.exchange,
        )
        return Input(principal=principal, operation=operation, context=context)

    def _fulfil(self, reading: Reading, decisions: tuple[Decision, ...]) -> Reading:
        """Turn obligations into terms, refuse what cannot be fulfilled, narrow the request to the rest."""
        guard = self._guard
        fulfilment = fulfil(reading.operations, decisions, self._means())
        self._account.level = fulfilment.level
        # Where nothing is narrowed, answers may hold more than the limit, and are looked at all the same.
        self._masks = fulfilment.masks if guard.observation is None else fulfilment.unlimited
        refuse_written_masks(guard.adapter.stored(reading), guard.catalogue.entities)
        return guard.adapter.narrow(reading, fulfilment.terms)

    def _means(self) -> Means:
        guard = self._guard
        try:
            return Means(level=guard.default_level, key=guard.mask_key(), catalogue=guard.catalogue)
        except SecretMissing as error:
            raise CredentialError("the key of keyed masks is missing", code="mask_key_missing") from error

    async def _record_intent(self, outgoing: Outgoing) -> None:
        if self._account.level >= Level.REQUEST:
            body = outgoing.body or b""
            self._account.recording = Recording(method=outgoing.method, target=outgoing.target, body=body)
        await self._guard.witness.intent(self._account)

    # --- response --------------------------------------------------------------------------------------------------

    async def _answered(self, response: Response) -> Reply:
        """Take a whole response to the client: masked, and on record first."""
        if self._probe is not None:
            return self._probed(response)
        guard, reading, account = self._guard, self._reading, self._account
        self._forget_names()
        self._response = response
        local = local_reply.is_local(response)
        self._let_go(done=not local)
        if local:
            account.source = account.source or _source(response.head)
            account.detail |= local_reply.details(response.head)
            raise local_reply.meaning(response, asked=reading is not None)
        if reading is None:
            raise UpstreamError("an answer to a request that was never decided", code="answer_unasked")
        if (native := self._failure(response)) is not None:
            await self._conclude("failed", native.status)
            return native
        if not _FIRST_SUCCESS <= response.status < _FIRST_REDIRECT:
            raise UpstreamError("the database's answer is neither a success nor an error", code="answer_unrecognised")
        if account.principal is not None:
            guard.locks.require_open(account.principal, guard.database)  # it may have been set while the database was at work
        if len(response.body) > _LONG_SEARCH and any(mask.searches for mask in self._masks):
            reply = await asyncio.to_thread(self._deliver, reading, response)
        else:
            reply = self._deliver(reading, response)
        await self._conclude("delivered", response.status)
        return forwarding.trailers_towards_client(response.trailers, guard.adapter.trailers) if response.trailers else reply

    def _probed(self, response: Response) -> Reply:
        """Let the database's own word on its health through; nobody is named in it, so nothing is on record."""
        adapter = self._guard.adapter
        if local_reply.is_local(response):
            return adapter.denial(Denial(error=local_reply.meaning(response, asked=True), exchange=self._account.exchange))
        return adapter.read_error(response) if adapter.failed(response) else Continue()

    async def _closed(self, trailers: Fields) -> Reply:
        """Let through what the engine's clients need of trailers; should they say that the call failed, it failed."""
        adapter = self._guard.adapter
        if self._response is not None:
            whole = msgspec.structs.replace(self._response, body=b"", trailers=trailers)
            if (native := self._failure(whole)) is not None:
                await self._conclude("failed", native.status)
                return native
        return forwarding.trailers_towards_client(trailers, adapter.trailers)

    def _failure(self, response: Response) -> Immediate | None:
        """Return the database's own error, its text masked and kept; None of a success. Raises `CredentialRefused`."""
        adapter = self._guard.adapter
        if adapter.unauthenticated(response):
            raise CredentialRefused("the database does not take the gateway's own credential")
        if not adapter.failed(response):
            return None
        forwarding.require_readable(response.head)
        native = adapter.read_error(response)
        self._keep(native.status, native.body)
        return native

    def _deliver(self, reading: Reading, response: Response) -> Reply:
        """Mask what the answer holds; leave its bytes alone where nothing had to change."""
        if self._method == "HEAD" or not response.body:
            self._keep(response.status, b"")
            return Continue()
        forwarding.require_readable(response.head)
        answer = self._guard.adapter.read_answer(reading, response)
        if answer is None:
            self._keep(response.status, response.body)
            return Continue()
        changed = False
        try:
            changed = self._mask(answer)
        except UpstreamError as error:
            self._waive(error)
        changed = changed and not self._guard.observation
        written = self._guard.adapter.write_answer(reading, answer) if changed else response.body
        if self._account.level is Level.FULL:
            if not self._guard.observation and any(result.vectors is not None for result in answer.results):
                with recording.abridged(answer.results):
                    self._keep(response.status, self._guard.adapter.write_answer(reading, answer), answer)
            else:
                self._keep(response.status, written, answer)
        return forwarding.towards_client(response.head, written) if changed else Continue()

    def _keep(self, status: int, body: bytes, answer: Answer | None = None) -> None:
        """Keep an answer as it is delivered, where the policy wants that."""
        asked = self._account.recording
        if self._account.level is Level.FULL and asked is not None:
            self._account.answer = recording.kept(asked, status, body, answer)

    def _mask(self, answer: Answer) -> bool:
        """Do to the answer what each operation's terms ask, and note it; return whether it must be written anew."""
        changed = answer.recast
        for result, owner in zip(answer.results, answer.owners, strict=True):
            delivered = self._account.delivered.setdefault(owner, Delivered())
            delivered.rows += len(result)
            delivered.ids += result.ids or ()
            masked = self._masks[owner].apply(result)
            changed = changed or masked.changed
            delivered.masked_fields |= frozenset(masked.fields)
            delivered.masked_values += masked.values
            delivered.masked_entities.update(masked.entities)
        return changed

    async def _conclude(self, end: End, status: int) -> None:
        self.over = True
        await self._guard.witness.outcome(self._account, end=end, status=status)

    # --- endings ---------------------------------------------------------------------------------------------------

    async def refuse(self, error: Error) -> Immediate:
        """Return the native denial for `error`, on record before it is released; without a record, a denial all the same."""
        self._forget_names()
        self._let_go(done=self._reading is None)
        self.over = True
        try:
            if isinstance(error, CredentialError | CredentialRefused):
                _log.error("database %s: %s", self._guard.database, error)
                self._guard.renew()
                await self._guard.witness.alert(error.code)
            await self._guard.witness.refusal(self._account, error)
        except AuditError as unwritten:
            _log.error("a refusal is not on record: %s", unwritten)
            error = AuditError("the audit log cannot be written, so nothing is let through")
        return self._guard.adapter.denial(Denial(error=error, exchange=self._account.exchange))

    def _forget_names(self) -> None:
        """Make every worker ask again for names that this exchange may have changed."""
        if self._reading is not None and self._reading.outdates:
            self._guard.upstream.forget()

    def _let_go(self, *, done: bool) -> None:
        """Give back the records that were reserved; `done` says that the database is not, or no more, writing them."""
        if self._held is not None:
            self._held.release(done=done)

    async def ended(self) -> None:
        """Note an exchange that Envoy let go of before anything was released."""
        self._forget_names()
        self._let_go(done=self._reading is None)
        if not self.over and self._account.principal is not None:
            self.over = True
            await self._guard.witness.outcome(self._account, end="aborted", status=None)


def _source(head: Head) -> str:
    """Return the client's IP address without its port, as Envoy saw it."""
    return head.attributes.get("source.address", "").rpartition(":")[0].strip("[]")


def _unexpected(error: Exception) -> Error:
    """Return the denial for a defect; only its kind and place are told, because its text may hold a value."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    _log.error("an unexpected %s at %s:%s", type(error).__name__, place.filename, place.lineno)
    return Error(f"an unexpected {type(error).__name__}")
