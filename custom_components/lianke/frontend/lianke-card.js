import"./lianke-card-chunk-TMWGKOX7.js";
