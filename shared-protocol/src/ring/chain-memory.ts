// Remembers what a device found out about the chains of one queue. Walking a chain is most of what a request costs
// the chip, and drivers use the same chains again and again. The mailbox knows which bytes have changed since.

/** Chains are remembered when they begin at a multiple of four descriptors and stay within as many. */
export const GROUP_SHIFT = 2
const GROUP_MASK = 3
const GROUP_SIZE = 4
/** A group of descriptors is a block of the mailbox's notes. */
const GROUP_BYTES_SHIFT = 6
const NONE: number[] = []
/** No group: the chain that was walked last cannot be remembered. */
const NO_GROUP = -1

/**
 * Two numbers for each group of four descriptors. The first number is kept in the mailbox's notes, where it lasts
 * until something is stored over the group. Code that serves many chains at once reads the lists by itself, in the
 * way of `recall`.
 */
export class ChainMemory {
  /**
   * The notes of the driver-written area: 0 where nothing is known. Empty unless the queue's groups lie on the notes'
   * blocks.
   */
  notes: number[] = NONE
  /** The index in `notes` of group 0. */
  firstNote = 0
  /** By group: the second number. */
  readonly notesMore: number[] = []
  /** A head with any of these bits does not begin a group of this queue: its chain is not remembered. */
  strangeHead = GROUP_MASK
  /** What `recall` found: 0 when nothing is known. */
  noted = 0
  notedMore = 0
  private readonly areaNotes: number[]
  private groupCount = 0
  private group = NO_GROUP

  /** `areaNotes` as `Mailbox.incomingNotes`; for a queue of at most `maxSize` descriptors. */
  constructor(areaNotes: number[], maxSize: number) {
    this.areaNotes = areaNotes
    // the list is as long as it can get: later the chip's heap is fragmented, and has no block for a list that grows
    for (let i = 0; i < maxSize; i += GROUP_SIZE) this.notesMore.push(0)
    // copied into fields: the chip searches the fields of an object before the methods of its class (docs/performance.md)
    const own = this
    own.recall = own.recall
    own.note = own.note
  }

  /** A queue of `size` descriptors starts, a power of two, its table at `desc` of the driver-written area. */
  begin(desc: number, size: number): void {
    if (desc & ((1 << GROUP_BYTES_SHIFT) - 1)) return
    if (size < GROUP_SIZE) return
    this.notes = this.areaNotes
    this.firstNote = desc >> GROUP_BYTES_SHIFT
    this.groupCount = size >> GROUP_SHIFT
    this.strangeHead = ~(size - 1) | GROUP_MASK
    this.forget()
  }

  /** The queue stops: everything is forgotten. */
  clear(): void {
    this.forget()
    this.groupCount = 0
    this.notes = NONE
  }

  /** Sets `noted` and `notedMore` to what is known of the chain that begins at `head`. */
  recall(head: number): void {
    this.noted = 0
    this.group = NO_GROUP
    if (this.groupCount === 0) return
    if (head & this.strangeHead) return
    const group = head >> GROUP_SHIFT
    this.noted = this.notes[this.firstNote + group]
    if (this.noted) this.notedMore = this.notesMore[group]
    else this.group = group
  }

  /** The chain that `recall` did not know left its group: it cannot be remembered. */
  giveUp(): void {
    this.group = NO_GROUP
  }

  /**
   * Notes what is known of the chain that was walked because `recall` did not know it. To be called before anything
   * else is stored in the area. What is noted may depend on the descriptors alone, never on what lies in the buffers.
   * `known` is not 0.
   */
  note(known: number, more: number): void {
    const group = this.group
    if (group < 0) return
    this.notes[this.firstNote + group] = known
    this.notesMore[group] = more
  }

  private forget(): void {
    for (let i = 0; i < this.groupCount; i++) this.notes[this.firstNote + i] = 0
  }
}
