export { type ListRow, renderList } from './render/list.ts';
export { renderShow } from './render/show.ts';
