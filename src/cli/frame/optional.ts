import { notInstalled } from '../../node/files/sealed.js'
import { Failure } from './failure.js'

/**
 * A package that only a few need, and that is therefore not installed with this one.
 * @param what what it is needed for, as the start of a sentence
 */
export async function loadOptional<T>(load: () => Promise<T>, name: string, what: string): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new Failure(...notInstalled(name, what))
  }
}
