import { testSlowReader } from '../runtimes/slow.js'

testSlowReader('workerd', 'workerd')
