// Rows of the bus about notifications: B35 to B42 (virtio-msg "Runtime Notifications", "EVENT_AVAIL").

import { FEATURE_NOTIFICATION_DATA_BLOCK1 } from "../../../../shared-protocol/src/device-types/feature-bits.js"
import { EVENT_AVAIL, EVENT_USED } from "../../../../shared-protocol/src/messages/ids.js"
import { counted } from "../../counted.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { busMust, busRows, type Row } from "../row.js"
import { blocked, expect, skip } from "../verdict.js"

const SECTION = "Runtime Notifications"
const notifications = busMust(SECTION)
const notificationRows = busRows(SECTION)
const eventAvail = busMust("EVENT_AVAIL")

/** How long to wait for a notification that would be one too many. */
const LATE_EVENT_MS = 200

/** A row about what stands in the documents of a bus; ours is docs/bus.md. */
function duty(id: string, requirement: string, item: number): Row {
  const reason = `A duty of the bus's specification: no message shows what it says. Ours say it: docs/bus.md, item ${item}, and docs/conform-your-own.md.`
  return { id, side: "bus", level: "MUST", section: SECTION, requirement, reason }
}

const usedEvents = (bench: DeviceBench, mark: number) =>
  bench.conversation.eventsSince(mark, EVENT_USED, bench.devNum).length

export const BUS_NOTIFICATION_ROWS: readonly Row[] = [
  duty("B35", "The bus's specification says whether events are forwarded or synthesised.", 11),
  duty("B36", "The bus's specification describes its out-of-band signals.", 12),
  notifications("B37", "Each occurrence is notified once.", async (bench) => {
    bench.needNotifications()
    const { queue, workload } = await bench.start()
    for (let n = 0; n < 4; n++) {
      const mark = bench.conversation.mark()
      queue.submit(workload.request(n))
      if (!(await queue.completed(n + 1))) blocked("The device does not complete the request.")
      await bench.conversation.sentinel()
      const events = usedEvents(bench, mark)
      expect(events <= 1, `One completion was notified by ${events} EVENT_USED.`)
    }
  }),
  notifications(
    "B38",
    "With out-of-band signals the receiving side forwards or synthesises one event, never both.",
    async (bench) => {
      bench.needNotifications()
      // however many signals there are in between, and however late the second one is: no more events than completions
      const { queue, workload } = await bench.start()
      const mark = bench.conversation.mark()
      const count = 4
      for (let n = 0; n < count; n++) {
        queue.submit(workload.request(n))
        if (!(await queue.completed(n + 1)))
          blocked(`The device completes only ${n} of ${counted(count, "request")}.`)
      }
      await bench.conversation.waitUntil(() => usedEvents(bench, mark) > count, LATE_EVENT_MS)
      const events = usedEvents(bench, mark)
      expect(
        events <= count,
        `${counted(count, "completion was", "completions were")} notified by ${events} EVENT_USED.`,
      )
    },
  ),
  notifications(
    "B39",
    "An out-of-band signal is a hint to wake up, not another notification.",
    async (bench) => {
      bench.needNotifications()
      const { queue, workload } = await bench.start()
      const start = bench.conversation.mark()
      queue.submit(workload.request(0))
      if (!(await queue.completed(1))) blocked("The device does not complete the request.")
      // that completion's own event, which may be late
      await bench.conversation.waitUntil(() => usedEvents(bench, start) > 0)
      await bench.conversation.waitUntil(() => false, LATE_EVENT_MS)
      // a wakeup without anything new, and silence: nothing is completed by either
      const mark = bench.conversation.mark()
      bench.conversation.post(frames.eventAvail(bench.devNum, queue.index))
      await bench.conversation.waitUntil(() => usedEvents(bench, mark) > 0, LATE_EVENT_MS)
      const events = usedEvents(bench, mark)
      expect(events === 0 || queue.usedIdx !== 1, "Nothing was completed, and EVENT_USED came.")
    },
  ),
  notificationRows("B40", "With polling only, no EVENT_AVAIL or EVENT_USED shows.", {
    async device(bench) {
      if (!bench.port.parameters.isPolling) skip("The bus has notifications.")
      const mark = bench.conversation.mark()
      const { queue, workload } = await bench.start()
      queue.submit(workload.request(0))
      expect(
        await queue.completed(1),
        "The bus has no notifications, and the device does not look by itself.",
      )
      await bench.conversation.waitUntil(() => usedEvents(bench, mark) > 0, LATE_EVENT_MS)
      expect(usedEvents(bench, mark) === 0, "The bus has no notifications, and EVENT_USED came.")
    },
    async driver(runs) {
      const run = await runs.runAfterGood("polling")
      const { i2c } = run.bus
      if (run.driven.length === 0) skip("The driver takes no bus without notifications.")
      expect(
        run.places(i2c, EVENT_AVAIL).length === 0,
        "The bus has no notifications, and EVENT_AVAIL was sent.",
      )
    },
  }),
  notificationRows(
    "B41",
    "Delivering notifications is bounded in time; if it fails the transport sees it and recovers by reset.",
    {
      async driver(runs) {
        const run = await runs.run("lost-completion")
        expect(!run.isKilled, `A completion that was never notified kept the driver waiting: ${run.how}`)
      },
    },
  ),
  eventAvail(
    "B42",
    "A bus that cannot carry next_offset keeps NOTIFICATION_DATA from being negotiated.",
    async (bench) => {
      bench.needNotifications()
      if (!(await bench.offers(1, FEATURE_NOTIFICATION_DATA_BLOCK1)))
        skip("The device does not offer VIRTIO_F_NOTIFICATION_DATA.")
      const { queue, workload } = await bench.start({ extra: [0, FEATURE_NOTIFICATION_DATA_BLOCK1] })
      const chain = queue.describe(workload.request(0))
      queue.offer(chain.head)
      queue.publish()
      bench.conversation.post(frames.eventAvail(bench.devNum, queue.index, queue.availIdx))
      expect(
        await queue.completed(1),
        "NOTIFICATION_DATA was negotiated, but next_offset does not reach the device.",
      )
    },
  ),
]
