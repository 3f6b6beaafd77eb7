// snapshots.js - save, load and delete snapshots.
import { get, post, request } from './api.js'
import { busy, complain, confirm, notice } from './ask.js'
import { button, field, fill, h } from './dom.js'
import { bytes, duration } from './format.js'

export function snapshotsTab() {
  const body = h('tbody')
  const name = h('input#snapshot-name', { required: true, maxlength: 64, pattern: '[A-Za-z0-9][A-Za-z0-9._\\-]*', spellcheck: 'false', autocapitalize: 'off', title: 'letters, digits, . _ -' })
  const save = h('button.primary', { type: 'submit' }, 'Save')

  async function list() {
    const answer = await get('snapshot')
    const all = answer?.snapshots ?? answer ?? []
    fill(body, all.length === 0 && h('tr', h('td', { colspan: 5 }, 'There are no snapshots.')), all.map(s => {
      const path = `snapshot/${encodeURIComponent(s.name)}`
      const load = button('Load', async () => {
        if (await confirm(`Load ${s.name}?`, 'Disk and memory go back to the snapshot. All changes since then are lost.', 'Load', { danger: true }))
          busy(load, async () => { await post(`${path}/load`); notice(`Snapshot ${s.name} loaded.`) })
      }, { class: 'small', 'aria-label': `Load ${s.name}` })
      const remove = button('Delete', async () => {
        if (await confirm(`Delete ${s.name}?`, 'A deleted snapshot cannot be restored.', 'Delete', { danger: true }))
          busy(remove, async () => { await request('DELETE', path); await list() })
      }, { class: 'small dangerous', 'aria-label': `Delete ${s.name}` })
      const saved = new Date(s.saved * 1000)
      return h('tr', h('th', { scope: 'row' }, s.name),
        h('td', Number.isNaN(saved.getTime()) ? '' : saved.toISOString().replace('T', ' ').slice(0, 19) + ' UTC'),
        h('td', s.memory ? bytes(s.memory) : 'disk only'), h('td', duration(s.guest_clock_s * 1000)),
        h('td.buttons', load, ' ', remove))
    }))
  }

  const panel = h('div.snapshots',
    h('form.row.bottom', { onsubmit: e => {
      e.preventDefault()
      busy(save, async () => {
        const saved = name.value
        await post('snapshot', { name: saved })
        name.value = ''
        notice(`Snapshot ${saved} saved.`)
        await list()
      })
    } }, field('Save a snapshot named', name), save),
    h('p.hint', 'A snapshot contains the disk and the memory of the running guest. It is stored in the image or the overlay that the guest writes to; the guest is paused while it is saved.'),
    h('div.scroll', { tabindex: 0, role: 'region', 'aria-label': 'List of snapshots' }, h('table',
      h('thead', h('tr', ...['Name', 'Saved', 'Memory', 'Guest’s clock'].map(t => h('th', { scope: 'col' }, t)), h('td'))), body)))
  return { panel, show: () => list().catch(complain) }
}
