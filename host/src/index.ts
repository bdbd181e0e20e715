// The library: everything that a program needs to use a microcontroller's devices.

// --- for those who build on the parts ---
export { Bus, type BusOptions } from "./bus/bus.js"
export type { BusParameters, Channel, ChannelParameters } from "./bus/channel.js"
export { PacketChannel, type PacketChannelOptions } from "./bus/packet-channel.js"
export type { Window } from "./bus/window.js"
export { allocateBytes, type HostBytes } from "./bytes.js"
export { type Clock, systemClock, type Timer, VirtualClock } from "./clock.js"
// --- what all drivers have ---
export { ConsoleShell } from "./driver/console-shell.js"
export { Driver } from "./driver/driver.js"
export type { DriverNeeds } from "./driver/features.js"
export { type GpioEdge, GpioWatch, type GpioWatchOptions } from "./driver/gpio-watch.js"
export { VirtioDevice } from "./driver/virtio-device.js"
export { type ErrorCode, type ErrorDetails, VirtioMsgError } from "./errors.js"
export { BOARD_ON_A_CABLE, BOARD_THAT_DIALS, type FarEnd, SIMULATED_BOARD } from "./link/far-end.js"
export { JacdacLink } from "./link/jacdac-link.js"
export type { CloseReason, Direction, Link, LinkEvents } from "./link/link.js"
export { type Tap, tapLink } from "./link/tap.js"
export { makeChannel, type OpenChannelOptions } from "./node/open-channel.js"
export { makeLink } from "./node/open-link.js"
// --- front door ---
export { type OpenBusOptions, openBus } from "./open-bus.js"
// --- a connected bus, and the driver of each device type ---
export * from "./opened-bus.js"
// --- chips ---
export { BME280_ADDRESS, Bme280, type Weather } from "./sensors/bme280.js"
// --- watching what crosses the link ---
export { describeMessage, type MessageDescription } from "./trace/describe-message.js"
export type { Field } from "./trace/field.js"
export { Trace } from "./trace/trace.js"
export type * from "./trace/trace-event.js"
export { TraceObserver } from "./trace/trace-observer.js"
export type { BusChip, OwnChip, RegisterChip } from "./vm/bus-chip.js"
export { readFirmware } from "./vm/firmware-image.js"
export { VirtualMachine } from "./vm/virtual-machine.js"
export { VmPort } from "./vm/vm-port.js"
