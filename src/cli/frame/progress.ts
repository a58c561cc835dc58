/** One line on the terminal that says how far something is, and goes away in the end. Where stderr is no terminal, nothing. */
export class Progress {
  #text: () => string
  #timer: NodeJS.Timeout | undefined
  #shown = false

  /** @param text asked again and again, from a second on; empty where there is nothing to say now */
  constructor(text: () => string) {
    this.#text = text
    if (process.stderr.isTTY) this.#timer = setTimeout(() => this.#repeat(), FIRST_MS).unref()
  }

  end(): void {
    clearTimeout(this.#timer)
    if (this.#shown) process.stderr.write(CLEAR)
    this.#shown = false
  }

  #repeat(): void {
    const text = this.#text()
    if (text !== '') process.stderr.write(CLEAR + text.slice(0, (process.stderr.columns || 80) - 1))
    this.#shown ||= text !== ''
    this.#timer = setTimeout(() => this.#repeat(), NEXT_MS).unref()
  }
}

/** Says what is being waited for, at once: for work that lets nothing else happen meanwhile. */
export function announce(text: string): () => void {
  if (!process.stderr.isTTY) return () => {}
  process.stderr.write(text)
  return () => process.stderr.write(CLEAR)
}

/** 1.5 MB */
export function bytesText(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1)
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`
}

const CLEAR = '\r\x1b[K'
const FIRST_MS = 1000
const NEXT_MS = 200
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']
