// monitor.js - QEMU's monitor, shown after a warning.
import { post } from './api.js'
import { busy } from './ask.js'
import { button, fill, h } from './dom.js'

const EXAMPLES = ['info status', 'info registers', 'info block', 'info network', 'help']

export function monitorTab() {
  const panel = h('div.monitor')
  const past = []
  let at = 0

  function warn() {
    fill(panel, h('div.warning', h('h3', 'The monitor controls QEMU itself'),
      h('p', 'Commands take effect at once and without confirmation: they can change memory, disconnect disks or end the guest without a shutdown. Every user of this page has this access.'),
      button('Open the monitor', open, { class: 'danger' })))
  }

  function open() {
    const out = h('pre.output', { role: 'log', tabindex: 0, 'aria-label': 'Output of the monitor' })
    const input = h('input#monitor-command', { 'aria-label': 'Command for the monitor', placeholder: 'info status', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off' })
    const run = h('button.primary', { type: 'submit' }, 'Run')
    const form = h('form.row', { onsubmit: e => {
      e.preventDefault()
      const command = input.value.trim()
      if (!command) return
      past.push(command)
      at = past.length
      input.value = ''
      busy(run, async () => {
        const { output } = await post('monitor', { command })
        out.append(h('b', `(qemu) ${command}\n`), output.endsWith('\n') || !output ? output : `${output}\n`)
        out.scrollTop = out.scrollHeight
      }).then(() => input.focus())
    } }, input, run)
    input.addEventListener('keydown', e => {
      if (e.key !== 'ArrowUp' && e.key !== 'ArrowDown') return
      e.preventDefault()
      at = Math.max(0, Math.min(past.length, at + (e.key === 'ArrowUp' ? -1 : 1)))
      input.value = past[at] ?? ''
    })
    fill(panel, out, form, h('p.hint', 'Try ', EXAMPLES.map((c, i) => [i ? ', ' : '', button(c, () => { input.value = c; input.focus() }, { class: 'link' })]), '.'))
    input.focus()
  }

  warn()
  return { panel }
}
