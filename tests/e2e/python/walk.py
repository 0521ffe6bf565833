"""A complaint from its first call to its end, as an integrator's Python would go through it.

walk.py STUBS TOLD
STUBS is a folder with stubs made by grpcio-tools. TOLD is JSON: where to call, as whom, and about
whom. Prints a line of JSON for each step: what was answered, or why it was refused. Whether that is
right is for the reader to say.
"""

import json
import sys
import time
import uuid

stubs, told = sys.argv[1:]
told = json.loads(told)
sys.path.insert(0, stubs)

import grpc  # noqa: E402
from aftercare.customers.v1 import (  # noqa: E402
    customer_service_pb2,
    customer_service_pb2_grpc,
    timeline_service_pb2,
    timeline_service_pb2_grpc,
)
from aftercare.tickets.v1 import (  # noqa: E402
    conversation_service_pb2,
    conversation_service_pb2_grpc,
    entry_pb2,
    ticket_pb2,
    ticket_service_pb2 as calls,
    ticket_service_pb2_grpc,
)
from google.protobuf.json_format import MessageToDict  # noqa: E402

# Error details are read by the types that are imported here.
from google.rpc import error_details_pb2  # noqa: E402, F401
from grpc_status import rpc_status  # noqa: E402

PATIENCE = 50


class Caller:
    """One who calls with one token, or without any."""

    def __init__(self, token=None):
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        tickets, customers = (
            grpc.insecure_channel(told[where].removeprefix("http://"))
            for where in ("tickets", "customers")
        )
        self.tickets = ticket_service_pb2_grpc.TicketServiceStub(tickets)
        self.conversation = conversation_service_pb2_grpc.ConversationServiceStub(tickets)
        self.customers = customer_service_pb2_grpc.CustomerServiceStub(customers)
        self.timeline = timeline_service_pb2_grpc.TimelineServiceStub(customers)

    def call(self, method, request, timeout=PATIENCE):
        return method(request, metadata=self.metadata, timeout=timeout)

    def answered(self, step, method, request):
        """Calls, prints the answer, and returns it."""
        answer = self.call(method, request)
        tell(step, answer=MessageToDict(answer))
        return answer

    def refused(self, step, method, request):
        """Calls, and prints why the call was refused."""
        try:
            answer = self.call(method, request)
        except grpc.RpcError as error:
            tell(step, error=MessageToDict(rpc_status.from_call(error)))
        else:
            tell(step, answer=MessageToDict(answer))

    def until(self, method, request, found):
        """Calls until an answer is what is waited for, and returns it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.call(method, request)
            if found(answer) or time.monotonic() > deadline:
                return answer
            time.sleep(0.05)


def tell(step, **what):
    print(json.dumps({"step": step, **what}), flush=True)


agent, customer, nobody = Caller(told["agent"]), Caller(told["customer"]), Caller()

# Before anything happens, somebody watches.
watch = agent.call(agent.tickets.WatchTickets, calls.WatchTicketsRequest())
next(watch)

# Recorded, twice with one request id; whose it is is known at once or a little later.
create = calls.CreateTicketRequest(
    ticket=ticket_pb2.Ticket(
        kind=ticket_pb2.KIND_COMPLAINT,
        channel=ticket_pb2.CHANNEL_PHONE,
        title="The gearbox jerks",
        contact=ticket_pb2.Contact(display_name="王芳", phone=told["phone"]),
        facts=ticket_pb2.Facts(what="It jerks in second gear.", expectation="A repair."),
    ),
    request_id=str(uuid.uuid4()),
)
name = agent.answered("create", agent.tickets.CreateTicket, create).name
agent.answered("repeat", agent.tickets.CreateTicket, create)
get = calls.GetTicketRequest(name=name)
ticket = agent.until(agent.tickets.GetTicket, get, lambda ticket: ticket.customer)
tell("linked", answer=MessageToDict(ticket))
agent.answered(
    "customer",
    agent.customers.GetCustomer,
    customer_service_pb2.GetCustomerRequest(name=ticket.customer),
)

# Judged on what was seen; what was seen is stale afterwards.
triage = calls.TriageTicketRequest(
    name=name,
    triage=ticket_pb2.Triage(nature=ticket_pb2.NATURE_PRODUCT_QUALITY, severity=2),
    etag=ticket.etag,
)
agent.answered("triage", agent.tickets.TriageTicket, triage)
agent.refused("stale", agent.tickets.TriageTicket, triage)

# Taken, answered, resolved.
agent.answered("claim", agent.tickets.ClaimTicket, calls.ClaimTicketRequest(name=name))
reply = conversation_service_pb2.AddEntryRequest(
    parent=name, entry=entry_pb2.Entry(body="We look into it.")
)
agent.answered("reply", agent.conversation.AddEntry, reply)
resolve = calls.ResolveTicketRequest(name=name, answer="The gearbox was adjusted.")
agent.answered("resolve", agent.tickets.ResolveTicket, resolve)

# The customer looks at it and objects, which opens it again.
customer.answered("look", customer.tickets.GetTicket, get)
objection = calls.RejectResolutionRequest(name=name, objection="It still jerks.")
customer.answered("object", customer.tickets.RejectResolution, objection)
agent.answered("reopened", agent.tickets.GetTicket, get)

# Resolved again, and confirmed.
resolve = calls.ResolveTicketRequest(name=name, answer="The gearbox was replaced.")
agent.answered("resolve again", agent.tickets.ResolveTicket, resolve)
confirm = calls.ConfirmResolutionRequest(name=name)
customer.answered("confirm", customer.tickets.ConfirmResolution, confirm)
agent.answered("closed", agent.tickets.GetTicket, get)

# What happened: in its history, in the customer's timeline, and as it was watched.
history = agent.answered(
    "history",
    agent.tickets.ListTicketHistory,
    calls.ListTicketHistoryRequest(parent=name, page_size=100),
)
timeline = agent.until(
    agent.timeline.ListTimeline,
    timeline_service_pb2.ListTimelineRequest(parent=ticket.customer, page_size=100),
    lambda answer: sum(item.resource == name for item in answer.items) >= len(history.items),
)
tell("timeline", answer=MessageToDict(timeline))
watched = []
for sign in watch:
    if sign.item.ticket == name:
        watched.append(sign.item)
        if sign.item.type == "ticket.closed":
            break
watch.cancel()
tell("watch", answer={"items": [MessageToDict(item) for item in watched]})

# What is refused, and why.
missing = calls.GetTicketRequest(name=told["missing"])
agent.refused("missing", agent.tickets.GetTicket, missing)
incomplete = calls.CreateTicketRequest(ticket=ticket_pb2.Ticket(title="No kind, no channel"))
agent.refused("invalid", agent.tickets.CreateTicket, incomplete)
agent.refused("too late", agent.tickets.ResolveTicket, resolve)
nobody.refused("nobody", nobody.tickets.GetTicket, get)
try:
    for sign in agent.call(agent.tickets.WatchTickets, calls.WatchTicketsRequest(), timeout=0.2):
        pass
except grpc.RpcError as error:
    tell("deadline", error={"code": error.code().value[0]})
