"""A complaint from its first call to its end, as an integrator's Python would go through it.

walk.py STUBS TICKETS CUSTOMERS TENANT AFTERCARE...
STUBS is a folder with stubs made by grpcio-tools, TICKETS and CUSTOMERS are public addresses, and
the rest is the command line of `aftercare`, which gives out tokens. Prints what it saw, one line a
step; the exit code is 1 if anything was not as it should be.
"""

import subprocess
import sys
import time
import uuid

stubs, tickets_at, customers_at, tenant, *aftercare = sys.argv[1:]
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
    ticket_service_pb2,
    ticket_service_pb2_grpc,
)

PATIENCE = 50


def token(*who):
    command = [*aftercare, "token", "--tenant", tenant, *who]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Caller:
    """One who calls both services with one token."""

    def __init__(self, bearer):
        self.metadata = [("authorization", f"Bearer {bearer}")]
        tickets = grpc.insecure_channel(tickets_at)
        customers = grpc.insecure_channel(customers_at)
        self.tickets = ticket_service_pb2_grpc.TicketServiceStub(tickets)
        self.conversation = conversation_service_pb2_grpc.ConversationServiceStub(tickets)
        self.customers = customer_service_pb2_grpc.CustomerServiceStub(customers)
        self.timeline = timeline_service_pb2_grpc.TimelineServiceStub(customers)

    def call(self, method, request):
        return method(request, metadata=self.metadata, timeout=PATIENCE)


def check(condition, what):
    if not condition:
        sys.exit(f"not as it should be: {what}")
    print(what, flush=True)


agent = Caller(token("--role", "agent", "--member", "amy"))

# Create, twice with one request id.
create = ticket_service_pb2.CreateTicketRequest(
    ticket=ticket_pb2.Ticket(
        kind=ticket_pb2.KIND_COMPLAINT,
        channel=ticket_pb2.CHANNEL_PHONE,
        title="The gearbox jerks",
        contact=ticket_pb2.Contact(display_name="王芳", phone="137 0000 0042"),
        facts=ticket_pb2.Facts(what="It jerks in second gear.", expectation="A repair."),
    ),
    request_id=str(uuid.uuid4()),
)
ticket = agent.call(agent.tickets.CreateTicket, create)
check(ticket.category == ticket_pb2.CATEGORY_NEW, "created")
check(list(ticket.missing_facts) == [ticket_pb2.MISSING_FACT_WHEN], "the missing fact is named")
again = agent.call(agent.tickets.CreateTicket, create)
check(again.name == ticket.name, "the same request id gives the same ticket")
name = ticket.name

# Whose it is is known at once, or, where customers takes its time, a little later.
deadline = time.monotonic() + PATIENCE
while not ticket.customer and time.monotonic() < deadline:
    time.sleep(0.05)
    ticket = agent.call(agent.tickets.GetTicket, ticket_service_pb2.GetTicketRequest(name=name))
check(ticket.customer.startswith("customers/"), "the customer is known by the number")
customer = agent.call(
    agent.customers.GetCustomer, customer_service_pb2.GetCustomerRequest(name=ticket.customer)
)
check(customer.display_name != "王芳" and customer.display_name.startswith("王"), "masked")

# Triage, with an etag; the old one is refused afterwards.
triage = ticket_service_pb2.TriageTicketRequest(
    name=name,
    triage=ticket_pb2.Triage(nature=ticket_pb2.NATURE_PRODUCT_QUALITY, severity=2),
    etag=ticket.etag,
)
ticket = agent.call(agent.tickets.TriageTicket, triage)
check(ticket.triage.severity == 2, "triaged")
try:
    agent.call(agent.tickets.TriageTicket, triage)
    sys.exit("a stale etag was taken")
except grpc.RpcError as error:
    check(error.code() == grpc.StatusCode.ABORTED, "a stale etag is refused")

# Claim, reply, resolve.
ticket = agent.call(agent.tickets.ClaimTicket, ticket_service_pb2.ClaimTicketRequest(name=name))
check(ticket.assignee == "members/amy" and ticket.category == ticket_pb2.CATEGORY_OPEN, "claimed")
entry = agent.call(
    agent.conversation.AddEntry,
    conversation_service_pb2.AddEntryRequest(
        parent=name, entry=entry_pb2.Entry(body="We look into it.")
    ),
)
check(entry.position == 1 and entry.author_role == entry_pb2.AUTHOR_ROLE_STAFF, "replied")
resolve = ticket_service_pb2.ResolveTicketRequest(name=name, answer="The gearbox was adjusted.")
ticket = agent.call(agent.tickets.ResolveTicket, resolve)
check(ticket.category == ticket_pb2.CATEGORY_RESOLVED, "resolved")

# The customer objects, which opens it again.
person = Caller(token("--role", "customer", "--customer", ticket.customer))
seen = person.call(person.tickets.GetTicket, ticket_service_pb2.GetTicketRequest(name=name))
check(
    seen.customer_status == ticket_pb2.CUSTOMER_STATUS_AWAITING_CONFIRMATION
    and not seen.assignee
    and seen.category == ticket_pb2.CATEGORY_UNSPECIFIED,
    "the customer sees the projection",
)
person.call(
    person.tickets.RejectResolution,
    ticket_service_pb2.RejectResolutionRequest(name=name, objection="It still jerks."),
)
ticket = agent.call(agent.tickets.GetTicket, ticket_service_pb2.GetTicketRequest(name=name))
check(ticket.category == ticket_pb2.CATEGORY_OPEN and ticket.reopen_count == 1, "reopened")
check(ticket.assignee == "members/amy", "its owner keeps it")

# Resolved again, and confirmed.
resolve = ticket_service_pb2.ResolveTicketRequest(name=name, answer="The gearbox was replaced.")
ticket = agent.call(agent.tickets.ResolveTicket, resolve)
check(ticket.resolution.instance == 2, "resolved again")
person.call(
    person.tickets.ConfirmResolution, ticket_service_pb2.ConfirmResolutionRequest(name=name)
)
ticket = agent.call(agent.tickets.GetTicket, ticket_service_pb2.GetTicketRequest(name=name))
check(
    ticket.category == ticket_pb2.CATEGORY_CLOSED
    and ticket.close_reason == ticket_pb2.CLOSE_REASON_CONFIRMED,
    "confirmed",
)

# History: without gaps, in order.
history = agent.call(
    agent.tickets.ListTicketHistory,
    ticket_service_pb2.ListTicketHistoryRequest(parent=name, page_size=100),
)
types = [item.type for item in history.items]
check([item.sequence for item in history.items] == list(range(1, len(types) + 1)), "gapless")
wanted = [
    "ticket.created",
    "ticket.triaged",
    "assignment.changed",
    "entry.added",
    "ticket.resolved",
    "ticket.rejected",
    "ticket.reopened",
    "ticket.resolved",
    "ticket.confirmed",
    "ticket.closed",
]
rest = iter(types)
check(all(one in rest for one in wanted), "history tells it in order")

# Timeline: the same, newest first, within moments.
deadline = time.monotonic() + PATIENCE
while True:
    timeline = agent.call(
        agent.timeline.ListTimeline,
        timeline_service_pb2.ListTimelineRequest(parent=ticket.customer, page_size=100),
    )
    mine = [item for item in timeline.items if item.resource == name]
    if len(mine) >= len(types) or time.monotonic() > deadline:
        break
    time.sleep(0.05)
check([item.type for item in mine] == types[::-1], "timeline is the history, newest first")
print("done", flush=True)
