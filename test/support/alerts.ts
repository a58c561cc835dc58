import type { Alert } from '../../src/errors.js'

/** How an alert comes: version 1 has the codes 1 and 2 alone, and says the rest in the text ("The published program"). */
export function asSent(version: 1 | 2, code: number, text = ''): Alert {
  if (version === 2) return { code, text }
  const reason = { 3: 'not authorized', 4: 'shutting down', 5: 'idle timeout' }[code] ?? `code ${code}`
  return { code: 1, text: text === '' || text === reason ? reason : `${reason}: ${text}` }
}
