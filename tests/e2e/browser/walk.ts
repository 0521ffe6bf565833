// A complaint from its first call to its end, in a page: gRPC-Web by connect-web, with clients made
// from our protos. Steps are handed to `tell` as lines of JSON: what was answered, or why it was
// refused. Whether that is right is for the reader to say.

import { createRegistry, fromBinary, toJson } from "@bufbuild/protobuf";
import type { DescMessage, JsonObject, JsonValue, MessageShape } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import type { CallOptions } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { CustomerService } from "./gen/aftercare/customers/v1/customer_service_pb";
import { CustomerSchema } from "./gen/aftercare/customers/v1/customer_pb";
import {
  ListTimelineResponseSchema,
  TimelineService,
} from "./gen/aftercare/customers/v1/timeline_service_pb";
import { ConversationService } from "./gen/aftercare/tickets/v1/conversation_service_pb";
import { EntrySchema } from "./gen/aftercare/tickets/v1/entry_pb";
import { Channel, Kind, Nature, TicketSchema } from "./gen/aftercare/tickets/v1/ticket_pb";
import {
  HistoryItemSchema,
  ListTicketHistoryResponseSchema,
  TicketService,
} from "./gen/aftercare/tickets/v1/ticket_service_pb";
import type { HistoryItem } from "./gen/aftercare/tickets/v1/ticket_service_pb";
import { file_google_rpc_error_details } from "./gen/google/rpc/error_details_pb";

/** Where to call, as whom, and about whom. */
interface Told {
  tickets: string;
  customers: string;
  agent: string;
  customer: string;
  phone: string;
  missing: string;
}

declare global {
  function tell(line: string): Promise<void>;
  function walk(told: Told): Promise<void>;
}

const PATIENCE = 50_000;
const known = createRegistry(file_google_rpc_error_details);

function say(step: string, what: { answer: JsonValue } | { error: JsonValue }) {
  return tell(JSON.stringify({ step, ...what }));
}

/** Awaits an answer, tells it, and returns it. */
async function answered<Desc extends DescMessage>(
  step: string,
  schema: Desc,
  answer: Promise<MessageShape<Desc>>,
) {
  const message = await answer;
  await say(step, { answer: toJson(schema, message) });
  return message;
}

/** Awaits a refusal, and tells why. */
async function refused(step: string, answer: Promise<unknown>) {
  try {
    await answer;
    await say(step, { answer: "it was answered" });
  } catch (error) {
    await say(step, { error: statusOf(ConnectError.from(error)) });
  }
}

/** The status of a refusal, as proto3 JSON. */
function statusOf(error: ConnectError): JsonValue {
  const details = error.details.map((detail): JsonObject => {
    if ("desc" in detail) {
      throw new Error("this is what a server sends, not what it receives");
    }
    const schema = known.getMessage(detail.type);
    const fields = schema && toJson(schema, fromBinary(schema, detail.value));
    return { "@type": `type.googleapis.com/${detail.type}`, ...(fields as JsonObject) };
  });
  return { code: error.code, message: error.rawMessage, details };
}

/** Calls until an answer is what is waited for, and returns it. */
async function until<T>(call: () => Promise<T>, found: (answer: T) => boolean) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const answer = await call();
    if (found(answer) || Date.now() > deadline) {
      return answer;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

globalThis.walk = async (told) => {
  const at = (baseUrl: string) => createGrpcWebTransport({ baseUrl });
  const tickets = createClient(TicketService, at(told.tickets));
  const conversation = createClient(ConversationService, at(told.tickets));
  const customers = createClient(CustomerService, at(told.customers));
  const timelines = createClient(TimelineService, at(told.customers));
  const as = (token: string): CallOptions => ({
    headers: { authorization: `Bearer ${token}` },
    timeoutMs: PATIENCE,
  });
  const [agent, customer] = [as(told.agent), as(told.customer)];

  // Before anything happens, somebody watches.
  const hangUp = new AbortController();
  const watch = tickets.watchTickets({}, { ...agent, signal: hangUp.signal });
  const signs = watch[Symbol.asyncIterator]();
  await signs.next();

  // Recorded, twice with one request id; whose it is is known at once or a little later.
  const create = {
    ticket: {
      kind: Kind.COMPLAINT,
      channel: Channel.PHONE,
      title: "The gearbox jerks",
      contact: { displayName: "王芳", phone: told.phone },
      facts: { what: "It jerks in second gear.", expectation: "A repair." },
    },
    requestId: crypto.randomUUID(),
  };
  const { name } = await answered("create", TicketSchema, tickets.createTicket(create, agent));
  await answered("repeat", TicketSchema, tickets.createTicket(create, agent));
  const read = () => tickets.getTicket({ name }, agent);
  const ticket = await until(read, (found) => found.customer !== "");
  await say("linked", { answer: toJson(TicketSchema, ticket) });
  const whose = customers.getCustomer({ name: ticket.customer }, agent);
  await answered("customer", CustomerSchema, whose);

  // Judged on what was seen; what was seen is stale afterwards.
  const triage = {
    name,
    triage: { nature: Nature.PRODUCT_QUALITY, severity: 2 },
    etag: ticket.etag,
  };
  await answered("triage", TicketSchema, tickets.triageTicket(triage, agent));
  await refused("stale", tickets.triageTicket(triage, agent));

  // Taken, answered, resolved.
  await answered("claim", TicketSchema, tickets.claimTicket({ name }, agent));
  const reply = { parent: name, entry: { body: "We look into it." } };
  await answered("reply", EntrySchema, conversation.addEntry(reply, agent));
  const first = { name, answer: "The gearbox was adjusted." };
  await answered("resolve", TicketSchema, tickets.resolveTicket(first, agent));

  // The customer looks at it and objects, which opens it again.
  await answered("look", TicketSchema, tickets.getTicket({ name }, customer));
  const objection = { name, objection: "It still jerks." };
  await answered("object", TicketSchema, tickets.rejectResolution(objection, customer));
  await answered("reopened", TicketSchema, read());

  // Resolved again, and confirmed.
  const second = { name, answer: "The gearbox was replaced." };
  await answered("resolve again", TicketSchema, tickets.resolveTicket(second, agent));
  await answered("confirm", TicketSchema, tickets.confirmResolution({ name }, customer));
  await answered("closed", TicketSchema, read());

  // What happened: in its history, in the customer's timeline, and as it was watched.
  const history = await answered(
    "history",
    ListTicketHistoryResponseSchema,
    tickets.listTicketHistory({ parent: name, pageSize: 100 }, agent),
  );
  const timeline = await until(
    () => timelines.listTimeline({ parent: ticket.customer, pageSize: 100 }, agent),
    ({ items }) => items.filter((item) => item.resource === name).length >= history.items.length,
  );
  await say("timeline", { answer: toJson(ListTimelineResponseSchema, timeline) });
  const watched: HistoryItem[] = [];
  while (watched.at(-1)?.type !== "ticket.closed") {
    const { value: sign } = await signs.next();
    if (sign?.item?.ticket === name) {
      watched.push(sign.item);
    }
  }
  hangUp.abort();
  const items = watched.map((item) => toJson(HistoryItemSchema, item));
  await say("watch", { answer: { items } });

  // What is refused, and why.
  await refused("missing", tickets.getTicket({ name: told.missing }, agent));
  const incomplete = { ticket: { title: "No kind, no channel" } };
  await refused("invalid", tickets.createTicket(incomplete, agent));
  await refused("too late", tickets.resolveTicket(second, agent));
  await refused("nobody", tickets.getTicket({ name }));
  try {
    for await (const _ of tickets.watchTickets({}, { ...agent, timeoutMs: 200 }));
  } catch (error) {
    await say("deadline", { error: { code: ConnectError.from(error).code } });
  }
};
