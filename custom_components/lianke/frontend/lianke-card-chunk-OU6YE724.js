import{J as e,ba as r}from"./lianke-card-chunk-TMWGKOX7.js";var s=class extends r{async scheduleUpdate(){await e(),super.scheduleUpdate()}};export{s as a};
