// log.js - the tail of the log of PID 1 and QEMU, with levels.
import { $, button, fill, h } from './dom.js'
import { watch } from './store.js'

const LINES = 500
const RANKS = { warning: 1, error: 2 }
// Routine messages of PID 1 that deserve highlighting.
const COLOURS = [[/\bvm: ready: /, 'good'], [/\bvm: phase /, 'phase']]

export function startLog() {
  const list = h('div.lines', { role: 'log', tabindex: 0, 'aria-labelledby': 'log-title' })
  const level = h('select', { 'aria-label': 'Lines to show', onchange: () => { list.dataset.from = level.value; list.scrollTop = list.scrollHeight } },
    h('option', { value: 0 }, 'all lines'), h('option', { value: 1 }, 'warnings and errors'), h('option', { value: 2 }, 'errors'))
  list.dataset.from = 0
  fill($('log'), h('div.panel-head', h('h2#log-title', 'Log'), level, button('Clear', () => fill(list), { class: 'small quiet' })), list)
  watch('log', ({ level: name, text }) => {
    const rank = RANKS[name] ?? 0
    const colour = COLOURS.find(([like]) => like.test(text))?.[1] ?? name
    const stuck = list.scrollTop + list.clientHeight >= list.scrollHeight - 8
    const [, date, time, words] = String(text).match(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)[\d.]*Z (.*)$/s) ?? [null, null, '', String(text)]
    list.append(h('p', { 'data-level': colour, 'data-rank': rank },
      time && h('time', { datetime: `${date}T${time}Z`, title: `${date} ${time} UTC` }, time), rank > 0 && h('span.level', name), words))
    while (list.children.length > LINES) list.firstChild.remove()
    if (stuck) list.scrollTop = list.scrollHeight
  })
}
