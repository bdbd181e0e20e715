// The words of virtio-rtc (virtio 1.4 5.23): request format, clocks, statuses. Times are nanoseconds, le64.
//
//   requestq (0):  message type le16@0, reserved[6]@2; CLOCK_CAP and READ: clock id le16@8, reserved[6]@10 (readable),
//                  then status u8@0, reserved[7]@1 and eight bytes (writable):
//                  CFG        number of clocks le16@8, reserved[6]@10
//                  CLOCK_CAP  type u8@8, leap second smearing u8@9, flags u8@10, reserved[5]@11
//                  READ       the clock's reading le64@8
//   An alarmq (1) comes with VIRTIO_RTC_F_ALARM, which our device does not offer.

export const VIRTIO_ID_RTC = 17
/** VIRTIO_RTC_REQ_*. */
export const RTC_READ = 0x0001
export const RTC_CFG = 0x1000
export const RTC_CLOCK_CAP = 0x1001
export const RTC_HEADER_SIZE = 8
export const RTC_REQUEST_SIZE = 16
export const RTC_RESPONSE_SIZE = 16

/** VIRTIO_RTC_S_*. */
export const RTC_STATUS_OK = 0
export const RTC_STATUS_UNSUPPORTED = 2
export const RTC_STATUS_NO_CLOCK = 3
export const RTC_STATUS_INVALID = 4

/** VIRTIO_RTC_CLOCK_*. */
export const RTC_CLOCK_UTC = 0
export const RTC_CLOCK_TAI = 1
export const RTC_CLOCK_MONOTONIC = 2
export const RTC_CLOCK_UTC_SMEARED = 3
export const RTC_CLOCK_UTC_MAYBE_SMEARED = 4

/** Descriptors of the request queue: 8 requests of 2. */
export const RTC_QUEUE_SIZE = 16
