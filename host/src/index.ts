// The library: everything that a program needs to use a microcontroller's devices.

// --- for those who build on the parts ---
export { Bus, type BusOptions } from "./bus/bus.js"
export { allocateBytes, type HostBytes } from "./bytes.js"
// --- chips ---
export { BME280_ADDRESS, Bme280, type Weather } from "./chips/bme280.js"
export { type Clock, systemClock, type Timer, VirtualClock } from "./clock.js"

// --- console, GPIO, entropy ---
export { ConsolePort, type ConsoleSize } from "./driver/console-port.js"
export { ConsoleShell } from "./driver/console-shell.js"
export { Driver } from "./driver/driver.js"
export { GpioChip, type GpioDirection, type GpioLineInfo } from "./driver/gpio-chip.js"
export { type GpioEdge, GpioWatch, type GpioWatchOptions } from "./driver/gpio-watch.js"
// --- I2C ---
export {
  I2cAdapter,
  type I2cAdapterOptions,
  type I2cMessage,
  type I2cOutcome,
  type I2cRequest,
} from "./driver/i2c-adapter.js"
export { Rng } from "./driver/rng.js"
export { Rtc, type RtcClock } from "./driver/rtc.js"
export { type DriverNeeds, VirtioDevice } from "./driver/virtio-device.js"
export { type ErrorCode, type ErrorDetails, VirtioMsgError } from "./errors.js"
export { JacdacLink } from "./link/jacdac-link.js"
export type { CloseReason, Direction, Link, LinkEvents } from "./link/link.js"
export { makeLink } from "./node/open-link.js"
// --- front door ---
export { type OpenBusOptions, OpenedBus, openBus } from "./open-bus.js"
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
