import"./lianke-card-chunk-KPQOLZV4.js";
