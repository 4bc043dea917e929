import{$ as r,I as e}from"./lianke-card-chunk-PAPT73XW.js";var s=class extends r{async scheduleUpdate(){await e(),super.scheduleUpdate()}};export{s as a};
