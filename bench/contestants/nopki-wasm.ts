import { nopki } from './nopki.js'

export default nopki({ native: false })
