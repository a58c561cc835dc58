import type { Alert } from '../errors.js'
import {
  ALERT_BAD_RESPONSE,
  ALERT_GENERAL,
  ALERT_IDLE_TIMEOUT,
  ALERT_NOT_AUTHORIZED,
  ALERT_SHUTTING_DOWN,
} from '../wire/stream.js'

/**
 * An alert as version 1 sends it: the published program knows two codes, and aborts at any other. So the reason stands first in the text
 * ("The published program").
 */
export function asVersion1({ code, text }: Alert): Alert {
  if (code === ALERT_GENERAL || code === ALERT_BAD_RESPONSE) return { code, text }
  const reason = REASONS[code] ?? `code ${code}`
  return { code: ALERT_GENERAL, text: text === '' || text === reason ? reason : `${reason}: ${text}` }
}

/** Whether an alert says that the client is not authorized: by its code, or in version 1 by how its text begins. */
export function refuses({ code, text }: Alert, version: 1 | 2 | undefined): boolean {
  if (code === ALERT_NOT_AUTHORIZED) return true
  return version === 1 && code === ALERT_GENERAL && /^not authorized(?:$|: )/.test(text)
}

const REASONS: Record<number, string> = {
  [ALERT_NOT_AUTHORIZED]: 'not authorized',
  [ALERT_SHUTTING_DOWN]: 'shutting down',
  [ALERT_IDLE_TIMEOUT]: 'idle timeout',
}
