// The words an operator may meet here, each said in one or two plain sentences.

export const GLOSSARY = {
  store: "A site with two servers that keep it selling.",
  node: "One of a store's two servers.",
  active: "The node that holds the virtual addresses and the data, and runs the services that may run only once.",
  standby: "The node that is ready to take over.",
  joining: "The node runs, but has not yet agreed with its peer who is active.",
  stopped: "Storeward does not run on this node, or it was asked to do nothing.",
  redundancy:
    "Both nodes are up, one is active and the other is able to take over. Without it the store sells, but the next failure stops it.",
  failover: "The peer died; the surviving node made sure that it is off and took over its work.",
  switchover: "A planned move of the work from one node to the other.",
  failback:
    "The service goes back to the primary by itself: once the pair was whole for long enough, by the same planned move as a switchover.",
  drill:
    "A rehearsed failover: the work moves to the other node as planned, the time is measured, and every fence device gets an order that changes nothing.",
  recovery:
    "From the last sign of life of the failed node until the service answered again through its virtual address, measured by the surviving node.",
  link: "A path on which the two nodes tell each other that they live, such as a cable between them or the store's network.",
  beat: "A short signed message that a node sends its peer several times a second.",
  lateness: "How much later than announced a beat arrived. 99 % of the beats were at most this late.",
  loss: "The share of the peer's beats that never arrived by this link, since the peer's Storeward started. Other links may have brought them.",
  carrier: "Whether the network card sees a signal on its cable.",
  "last heard": "The age of the newest beat on this link.",
  "ping group":
    "Addresses that should always answer, such as the store's router. They tell “I am cut off” from “my peer died”.",
  ups: "The uninterruptible power supply of a node. It also is the switch with which the peer makes sure that a failed node is really off.",
  "fence device": "A device that can switch a node's power and tell whether it is off.",
  fence: "Switching the failed node's power off, and reading back that it is off, before anything is taken over.",
  generation: "A number that every takeover raises; it tells old from new.",
  incarnation: "A random name of one run of the daemon.",
  resource: "Something the cluster starts, stops and watches: an address, a mount, a service.",
  layer: "A resource's place in the stack, from the address up to the application.",
  pid: "The process number on its node. A new number means that it was started anew.",
  restarts: "How often the resource was started again in place since the daemon started.",
  "active-active": "Runs on both nodes at once.",
  "active-standby": "Runs only on the active node.",
  probe: "A check that runs on a schedule.",
  took: "How long the last check took to answer.",
  "virtual address": "An address of the store's services that moves to the node which serves them.",
  alarm: "A state that needs attention until it is over. It is raised, may be acknowledged, and clears by itself.",
  acknowledge: "Tells everyone that somebody looks after it. The alarm stays until its cause is gone.",
  incident: "A failure with all the evidence that was gathered about it.",
  finding: "A conclusion drawn from the evidence, with the place where it was read.",
  snapshot: "What was gathered on a node in the moment of the incident.",
  "peer channel":
    "The nodes' second connection. Once a second each node sends its state on it, so that the survivor holds the last minutes of a dead one.",
  "flight recorder": "The last five minutes of a node at one sample a second, kept at an incident.",
  scenario: "Everything the nodes' decision saw, as text. It is replayed with “storewardctl simulate”.",
  outbox: "What the node has not yet been able to send here. Nothing in it is lost.",
  mode: "What an operator asked for. Standby: the node does not take over. Maintenance: Storeward watches but does not act. Unmanaged: it leaves the resource alone. Removed: the node is not part of the pair.",
  stop: "Stopping the services on the node that gives the work away.",
  down: "The node that started the service was down itself, from the last second in which it knew a node active until its Storeward ran.",
  agree: "Hearing the peer, and finding out which of the two starts the service.",
  devices: "Trying every fence device with an order that changes nothing.",
  detect: "Until the peer's silence on every link counted as death.",
  analyse: "Looking for any other sign of life of the peer.",
  address: "Taking over the virtual addresses and telling the network.",
  storage: "Taking over the data: mounting it, or making the copy the leading one.",
  start: "Starting the services that run only on the active node.",
  verify: "Asking the service through its virtual address, as a till would.",
  announce: "Telling the console and the monitoring systems.",
  severity: "How urgent: warning, minor, major, critical (ITU-T X.733).",
  confidence: "How sure the conclusion is, given the evidence.",
  "last seen":
    "When the console last heard anything of the store. A broken connection to the enterprise does not stop a store.",
  load: "Processes that want to run, on average over a minute.",
  boot: "The machine's present run, from power on to power off.",
} as const;

export type Word = keyof typeof GLOSSARY;

export function isWord(text: string): text is Word {
  return Object.hasOwn(GLOSSARY, text);
}
