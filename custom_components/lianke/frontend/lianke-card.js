import"./lianke-card-chunk-XCD4TCPM.js";
