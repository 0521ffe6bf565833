import os, uuid, grpc
from aftercare.tickets.v1 import ticket_pb2, ticket_service_pb2, ticket_service_pb2_grpc

auth = [("authorization", "Bearer " + os.environ["TOKEN"])]
tickets = ticket_service_pb2_grpc.TicketServiceStub(grpc.insecure_channel("127.0.0.1:8080"))

ticket = tickets.CreateTicket(
    ticket_service_pb2.CreateTicketRequest(
        request_id=str(uuid.uuid4()),  # the same id again gives the same ticket again
        ticket=ticket_pb2.Ticket(
            kind=ticket_pb2.KIND_INQUIRY,
            channel=ticket_pb2.CHANNEL_EMAIL,
            title="When does the warranty end?",
            contact=ticket_pb2.Contact(email="jane.doe@example.com"),
        ),
    ),
    metadata=auth,
)
print(ticket.name, ticket.number, ticket.next_due_time.ToDatetime())
