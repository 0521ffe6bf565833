import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { Channel, Kind } from "./gen/aftercare/tickets/v1/ticket_pb";
import { TicketService } from "./gen/aftercare/tickets/v1/ticket_service_pb";

const transport = createGrpcWebTransport({ baseUrl: "http://127.0.0.1:8080" });
const tickets = createClient(TicketService, transport);
const headers = { authorization: `Bearer ${process.env.TOKEN}` };

const ticket = {
  kind: Kind.INQUIRY,
  channel: Channel.EMAIL,
  title: "When does the warranty end?",
  contact: { email: "jane.doe@example.com" },
};
tickets
  .createTicket({ requestId: crypto.randomUUID(), ticket }, { headers })
  .then(({ name, number, nextDueTime }) =>
    console.log(name, number, nextDueTime && timestampDate(nextDueTime)),
  );
