// The library's front door: opens a bus, and what it opens. Behind it are the ports that Node can reach.

export { type OpenBusOptions, openBus } from "./node/open-bus.js"
export { OpenedBus } from "./opened-bus.js"
