export interface DriverRun {
  readonly isDone: boolean
  readonly isKilled: boolean
  readonly how: string
}
export interface DriverRuns {
  run(name: string): Promise<DriverRun>
  everyFrame(): Promise<readonly Uint8Array[]>
}
