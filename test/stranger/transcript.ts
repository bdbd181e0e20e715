// What somebody types who has just cloned the repository, and what comes: before the first build, and after it. Each line
// is typed in bash, in the checkout, with npm's own npx. A folder of this session is $T.

export interface Line {
  /** For bash. What it starts and leaves running is ended with it. */
  readonly typed: string
  readonly code: number
  /** What the output, stdout and stderr together, has to show. */
  readonly says?: readonly RegExp[]
  /** What must not be in it. */
  readonly never?: readonly RegExp[]
  /** Only where the packages came from the registry and there is time: it takes more than a few seconds. */
  readonly isSlow?: boolean
}

/** Whatever is typed, a person sees sentences. */
export const NEVER = [/^\s+at .+:\d+/m, /a defect of virtio-msg/, /not found$/m, /Cannot find module/]

const NOT_BUILT = [
  /^error: virtio-msg is not built yet in this checkout\.$/m,
  /^hint: Build it: npm ci && npm run build$/m,
]

/** In a clone, before anything else was typed there. */
export const UNBUILT: readonly Line[] = [
  { typed: "npx virtio-msg", code: 4, says: NOT_BUILT },
  { typed: "npx virtio-msg --help", code: 4, says: NOT_BUILT },
  { typed: "npx virtio-msg --port sim i2c detect", code: 4, says: NOT_BUILT },
]

const NO_BUS_NUMBER = /^error: There is no bus number here: /m

/** A board for others on $T/board.sock, and somebody who looks at it. */
const BOARD = `npx virtio-msg sim --listen unix:$T/board.sock >$T/sim 2>&1 &
until grep -q board.sock $T/sim; do sleep 0.1; done
`
const FIRST = `npx virtio-msg --port unix:$T/board.sock info --watch >$T/first 2>&1 & first=$!
until grep -q "Device 3" $T/first; do sleep 0.1; done
`

/** In the same checkout, when it has been built. */
export const BUILT: readonly Line[] = [
  // A1: what was typed too early works now
  { typed: "npx virtio-msg", code: 2, says: [/^Usage: virtio-msg /m] },
  { typed: "npx virtio-msg --help", code: 0, says: [/^Usage: virtio-msg /m, /^ {2}i2c /m] },
  { typed: "npx virtio-msg --version", code: 0, says: [/^\d+\.\d+\.\d+$/m] },
  { typed: "npx virtio-msg --port sim i2c get 0x54 14", code: 0, says: [/^0x66$/m] },
  // A2
  {
    typed: "npx virtio-msg --port sim trace i2c get 0x54 14",
    code: 0,
    says: [/HELLO/, /i2c 0x54 /, /^0x66$/m],
  },
  { typed: "npx virtio-msg --port sim trace -- i2c get 0x54 14", code: 0, says: [/^0x66$/m] },
  {
    typed: `cat >$T/read.mjs <<'END'
import { openBus } from "virtio-msg"
const bus = await openBus({ port: "sim" })
const i2c = await bus.i2c()
const [data] = await i2c.transfer(0x54, [{ write: [14] }, { read: 1 }])
console.log(data[0].toString(16))
await bus.close()
END
cp $T/read.mjs read-by-stranger.mjs && node read-by-stranger.mjs; code=$?; rm read-by-stranger.mjs; exit $code`,
    code: 0,
    says: [/^66$/m],
  },
  // A3
  {
    typed: `${BOARD}${FIRST}npx virtio-msg --port unix:$T/board.sock i2c get 0x54 14; code=$?
kill -0 $first && ! grep -q error $T/first && echo the first goes on; exit $code`,
    code: 3,
    says: [/^error: .* (has|uses|is used|in use).*/m, /^hint: /m, /^the first goes on$/m],
    never: [/cable|plug/i],
  },
  // A4, each with the command of its hint
  {
    typed: "npx virtio-msg --port sim i2c detect -y 1",
    code: 2,
    says: [NO_BUS_NUMBER, / npx virtio-msg --port sim i2c detect$/m],
  },
  {
    typed: "npx virtio-msg --port sim i2c get -y 1 0x54 14",
    code: 2,
    says: [NO_BUS_NUMBER, / npx virtio-msg --port sim i2c get 0x54 14$/m],
  },
  {
    typed: "npx virtio-msg --port sim i2c detect i2c-1",
    code: 2,
    says: [NO_BUS_NUMBER, / npx virtio-msg --port sim i2c detect$/m],
  },
  {
    typed: `hint=$(npx virtio-msg --port sim i2c get -y 1 0x54 14 2>&1 | sed -n "s/^hint: .*: //p"); $hint`,
    code: 0,
    says: [/^0x66$/m],
  },
  { typed: "npx virtio-msg --colour i2c", code: 2, says: [/^hint: See npx virtio-msg --help$/m] },
  {
    typed: "npx virtio-msg i2cdetect -y 1",
    code: 2,
    says: [/^error: i2cdetect is the command i2c detect here/m],
  },
  {
    typed: "npx virtio-msg --port sim i2ctransfer -b -y 1 w1@0x50 0x00 r8",
    code: 2,
    says: [/ npx virtio-msg --port sim i2c transfer -b w1@0x50 0x00 r8$/m],
  },
  { typed: "npx virtio-msg --port sim i2c transfer -b w1@0x50 0x00 r8", code: 0, says: [/^virtio-m/] },
  {
    typed: "npx virtio-msg --port sim i2c detect",
    code: 0,
    says: [/^50: 50 -- -- -- 54 -- 56 /m, /^70: -- -- -- -- -- -- 76 /m],
  },
  // A5
  {
    typed: "npx virtio-msg --port sim serve --socket /no/such/x.sock",
    code: 1,
    says: [/there is no folder \/no\/such\.$/m],
  },
  {
    typed: "npx virtio-msg sim --listen unix:/no/such/x.sock",
    code: 1,
    says: [/there is no folder \/no\/such\.$/m],
  },
  {
    typed: `mkdir $T/only && ln -s $(command -v node) $(command -v npx) $(command -v sh) $(command -v apt-get) $(command -v dpkg-deb) $T/only
PATH=$T/only npx virtio-msg --port sim linux --run true`,
    code: 4,
    says: [/^error: .*qemu/im, /^hint: .*apt-get install/m],
    never: [/Booting/],
  },
  {
    typed: "npx virtio-msg --port sim gpio monitor CLOCK CLOCK",
    code: 2,
    says: [/^error: The line CLOCK is named twice\.$/m],
  },
  {
    typed: "npx virtio-msg --port sim console chip add 0x40",
    code: 0,
    says: [/^no chip was removed there/m],
  },
  { typed: "npx virtio-msg gpio mon --help", code: 0, says: [/gpio monitor\|mon /] },
  { typed: "npx virtio-msg --port sim gpio info LED", code: 0, says: [/"LED"\s+input$/m] },
  {
    typed: "npx virtio-msg --port sim gpio info LED --json",
    code: 0,
    says: [/"name": "LED",\s+"direction": "input",\s+"isUsed": false/],
  },
  { typed: "npx virtio-msg boards | awk 'length > 80'", code: 0, never: [/./] },
  {
    typed: "npx virtio-msg --port sim --trace $T/t.pcapng i2c get 0x54 14",
    code: 0,
    says: [/^0x66$/m],
    never: [/\b1 \w+s\b/],
  },
  // A6
  {
    typed: "npx virtio-msg dashboard --export $T/page && ls $T/page/index.html",
    code: 0,
    says: [/index\.html$/m],
  },
  { typed: "npm run docs && ls site/index.html", code: 0, says: [/index\.html$/m], isSlow: true },
  // A7
  {
    typed: "npm test -- test/cli/man.test.ts",
    code: 0,
    says: [
      /^All tests: .* minutes/m,
      /npm run test:quick/,
      /^Skipped \d+ of the tests\. What enables them:\n +\d+ {2}apt-get /m,
    ],
    isSlow: true,
  },
]
