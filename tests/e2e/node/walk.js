// A complaint from its first call to its end, as an integrator's Node would go through it: grpc-js,
// with clients made from our proto files at run time.
//
// walk.js TOLD
// TOLD is JSON: where to call, as whom, about whom, and the folders of the protos. Prints a line of
// JSON for each step: what was answered, or why it was refused. Whether that is right is for the
// reader to say.
"use strict";

const { randomUUID } = require("node:crypto");
const { setTimeout: sleep } = require("node:timers/promises");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const PATIENCE = 50_000;
const told = JSON.parse(process.argv[2]);

// As proto3 JSON has it, times apart.
const definition = loader.loadSync(
  [
    "aftercare/tickets/v1/ticket_service.proto",
    "aftercare/tickets/v1/conversation_service.proto",
    "aftercare/customers/v1/customer_service.proto",
    "aftercare/customers/v1/timeline_service.proto",
    "google/rpc/status.proto",
    "google/rpc/error_details.proto",
  ],
  { includeDirs: told.protos, longs: String, enums: String, bytes: Buffer, defaults: false },
);
const { tickets, customers } = grpc.loadPackageDefinition(definition).aftercare;

function tell(step, what) {
  console.log(JSON.stringify({ step, ...what }));
}

/** The status of a refusal, as proto3 JSON. */
function statusOf(error) {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  if (bytes === undefined) {
    return { code: error.code, message: error.details };
  }
  const { code, message, details } = definition["google.rpc.Status"].deserialize(bytes);
  const read = ({ type_url, typeUrl = type_url, value }) => ({
    "@type": typeUrl,
    ...definition[typeUrl.split("/").pop()].deserialize(value),
  });
  return { code, message, details: details.map(read) };
}

/** One who calls with one token, or without any. */
class Caller {
  constructor(token) {
    this.metadata = new grpc.Metadata();
    if (token !== undefined) {
      this.metadata.set("authorization", `Bearer ${token}`);
    }
    const to = (Client, url) => new Client(new URL(url).host, grpc.credentials.createInsecure());
    this.clients = [
      to(tickets.v1.TicketService, told.tickets),
      to(tickets.v1.ConversationService, told.tickets),
      to(customers.v1.CustomerService, told.customers),
      to(customers.v1.TimelineService, told.customers),
    ];
  }

  call(method, request) {
    const client = this.clients.find((client) => method in client);
    const options = { deadline: Date.now() + PATIENCE };
    return new Promise((resolve, reject) => {
      client[method](request, this.metadata, options, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  }

  /** Calls, prints the answer, and returns it. */
  async answered(step, method, request) {
    const answer = await this.call(method, request);
    tell(step, { answer });
    return answer;
  }

  /** Calls, and prints why the call was refused. */
  async refused(step, method, request) {
    try {
      tell(step, { answer: await this.call(method, request) });
    } catch (error) {
      tell(step, { error: statusOf(error) });
    }
  }

  /** Calls until an answer is what is waited for, and returns it. */
  async until(method, request, found) {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const answer = await this.call(method, request);
      if (found(answer) || Date.now() > deadline) {
        return answer;
      }
      await sleep(50);
    }
  }

  watch(milliseconds) {
    const options = { deadline: Date.now() + milliseconds };
    return this.clients[0].WatchTickets({}, this.metadata, options);
  }

  close() {
    this.clients.forEach((client) => client.close());
  }
}

async function walk(agent, customer, nobody) {
  // Before anything happens, somebody watches.
  const watch = agent.watch(PATIENCE);
  const signs = watch[Symbol.asyncIterator]();
  await signs.next();

  // Recorded, twice with one request id; whose it is is known at once or a little later.
  const create = {
    ticket: {
      kind: "KIND_COMPLAINT",
      channel: "CHANNEL_PHONE",
      title: "The gearbox jerks",
      contact: { displayName: "王芳", phone: told.phone },
      facts: { what: "It jerks in second gear.", expectation: "A repair." },
    },
    requestId: randomUUID(),
  };
  const { name } = await agent.answered("create", "CreateTicket", create);
  await agent.answered("repeat", "CreateTicket", create);
  const ticket = await agent.until("GetTicket", { name }, (found) => found.customer);
  tell("linked", { answer: ticket });
  await agent.answered("customer", "GetCustomer", { name: ticket.customer });

  // Judged on what was seen; what was seen is stale afterwards.
  const judged = { nature: "NATURE_PRODUCT_QUALITY", severity: 2 };
  const triage = { name, triage: judged, etag: ticket.etag };
  await agent.answered("triage", "TriageTicket", triage);
  await agent.refused("stale", "TriageTicket", triage);

  // Taken, answered, resolved.
  await agent.answered("claim", "ClaimTicket", { name });
  await agent.answered("reply", "AddEntry", { parent: name, entry: { body: "We look into it." } });
  await agent.answered("resolve", "ResolveTicket", { name, answer: "The gearbox was adjusted." });

  // The customer looks at it and objects, which opens it again.
  await customer.answered("look", "GetTicket", { name });
  await customer.answered("object", "RejectResolution", { name, objection: "It still jerks." });
  await agent.answered("reopened", "GetTicket", { name });

  // Resolved again, and confirmed.
  const resolve = { name, answer: "The gearbox was replaced." };
  await agent.answered("resolve again", "ResolveTicket", resolve);
  await customer.answered("confirm", "ConfirmResolution", { name });
  await agent.answered("closed", "GetTicket", { name });

  // What happened: in its history, in the customer's timeline, and as it was watched.
  const history = await agent.answered("history", "ListTicketHistory", {
    parent: name,
    pageSize: 100,
  });
  const mine = (items) => items.filter((item) => item.resource === name);
  const timeline = await agent.until(
    "ListTimeline",
    { parent: ticket.customer, pageSize: 100 },
    ({ items = [] }) => mine(items).length >= history.items.length,
  );
  tell("timeline", { answer: timeline });
  const watched = [];
  while (watched.at(-1)?.type !== "ticket.closed") {
    const { value: sign } = await signs.next();
    if (sign.item?.ticket === name) {
      watched.push(sign.item);
    }
  }
  watch.on("error", () => {}).cancel();
  tell("watch", { answer: { items: watched } });

  // What is refused, and why.
  await agent.refused("missing", "GetTicket", { name: told.missing });
  await agent.refused("invalid", "CreateTicket", { ticket: { title: "No kind, no channel" } });
  await agent.refused("too late", "ResolveTicket", resolve);
  await nobody.refused("nobody", "GetTicket", { name });
  try {
    for await (const _ of agent.watch(200));
  } catch (error) {
    tell("deadline", { error: statusOf(error) });
  }
}

const callers = [new Caller(told.agent), new Caller(told.customer), new Caller()];
walk(...callers).finally(() => callers.forEach((caller) => caller.close()));
