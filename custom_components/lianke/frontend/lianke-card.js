import"./lianke-card-chunk-3FZFG2CT.js";
