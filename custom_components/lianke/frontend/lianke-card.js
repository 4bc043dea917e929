import"./lianke-card-chunk-O2F3ASFJ.js";
